import { z } from 'zod';
import { releasedVersions } from '../releases/upgrade-faults.ts';

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
  /**
   * The released version that the stack has. Synthesis refuses what one update from it cannot do without a loss.
   * @default the release before this version
   */
  upgradeFrom: z
    .string()
    .refine((version) => releasedVersions().includes(version))
    .optional()
    .describe(`a released version: ${releasedVersions().join(', ')}`),
};
