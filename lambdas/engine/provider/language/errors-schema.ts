import { z } from 'zod';
import { answerExpression, duration, headerName } from './words.ts';

/** What an answer means, where it is not a success. */
export const meanings = [
  'gone',
  'slow-down',
  'retry',
  'refresh',
  'auth-failed',
  'forbidden',
  'invalid',
  'empty',
  'partial',
  'restart',
  'split',
  'unchanged',
  'ok',
] as const;
export type Meaning = (typeof meanings)[number];

const aStatus = 'expected a status such as 404, or a list of them';
const status = z.int(aStatus).min(100, aStatus).max(599, aStatus);

const rule = z.strictObject({
  when: z
    .strictObject({
      status: z.union([status, z.array(status).min(1)]).optional(),
      header: z.record(headerName, z.string()).optional().describe('Text of headers, compared without regard to case.'),
      json: answerExpression.optional().describe('True over the body.'),
      text: z.string().min(1).optional().describe('Contained in the body, whatever its format.'),
      call: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('Only for these calls: `<resource>` or `<resource>.<method>`.'),
    })
    .refine(
      (when) => Object.values(when).some((condition) => condition !== undefined),
      'expected a condition: status, header, json, text or call',
    ),
  means: z
    .enum(meanings)
    .describe(
      '`gone`: the record does not exist. `slow-down`: no call before `retry_after`. `retry`: this call again, later. `refresh`: the token has ended. `auth-failed`: the credentials have ended. `forbidden`: this resource may not be read. `invalid`: the call is at fault. `empty`: no records, and no fault. `partial`: use the data, but do not call it complete. `restart`: the cursor has ended. `split`: ask for less. `unchanged`: as it was when it was read last. `ok`: a success.',
    ),
  retry_after: z.union([duration, answerExpression]).optional().describe('A duration, or where the answer has it.'),
  as: z
    .enum(['seconds', 'ms', 'epoch_s', 'epoch_ms', 'iso', 'http_date'])
    .optional()
    .describe('How it is written. Default: seconds or an HTTP date.'),
  scope: z.enum(['account', 'app', 'call']).default('account').describe('Whose calls a `slow-down` stops.'),
  limit: z.string().optional().describe('The limit that a `slow-down` used up; only calls that it counts are stopped.'),
});

export const errors = z
  .array(rule)
  .default([])
  .describe(
    'What answers mean, first match first. A rule without `status` is tried on successes, too. Below the list: 401 `refresh`, 403 `forbidden`, 404 `gone` for `get` and `invalid` elsewhere, 304 `unchanged`, 410 `gone`, 408, 425 and 5xx `retry`, 429 `slow-down`, 503 with Retry-After `slow-down`, other 4xx `invalid`.',
  );

export type ErrorRuleSpec = z.infer<typeof rule>;
