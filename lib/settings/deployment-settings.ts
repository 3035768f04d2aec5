import { z } from 'zod';

/** How a new version takes over from the one that is deployed. */
export const deploymentSettings = {
  /**
   * Whether functions shift to a new version gradually, and back when it fails: a tenth of their invocations for five
   * minutes, then all. Without it they shift at once.
   * @default true in prod
   */
  gradualDeployments: z
    .union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')])
    .describe('true or false'),
};
