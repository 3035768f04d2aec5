import { z } from 'zod';

/** What tells operators how the engine does. */
export const monitoringSettings = {
  /**
   * Address that receives alarms by mail.
   * @default - none; subscribe to the alarm topic yourself
   */
  alarmEmail: z.email().optional().describe('an email address'),
  /**
   * Address of the runbook, to whose entries the alarms and the dashboard link: of this repository where your operators
   * read it.
   * @default docs/operate/runbook.md
   */
  runbookUrl: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !url.includes('#'))
    .optional()
    .describe('an address that begins with https:// or http:// and has no #'),
  /**
   * Whether the stack has a dashboard. An AWS account has three for free; each further one costs 3 USD a month.
   * @default true in prod and staging, false elsewhere
   */
  dashboard: z
    .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
    .describe('true or false'),
  /**
   * Whether the deployment sends events of its own through itself, and measures them. Not with mutual TLS: the canary
   * has no client certificate.
   * @default on in prod and staging without mutual TLS, off elsewhere
   */
  canary: z.enum(['on', 'off']).describe('"on" or "off"'),
};
