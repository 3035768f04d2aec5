import { z } from 'zod';
import { answerExpression, duration } from './words.ts';

const kinds = ['calls', 'concurrent', 'bucket'] as const;

const limit = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores'),
    calls: z.number().positive().optional().describe('Calls (or cost) in the time `per`.'),
    per: duration.optional(),
    window: z
      .enum(['sliding', 'fixed'])
      .default('sliding')
      .describe(
        '`fixed`: the count starts anew at the times that `reset` or `resets` tell; `sliding` is safe for both.',
      ),
    resets: z
      .string()
      .optional()
      .describe('For a day: the time zone in which it ends, such as UTC or America/Los_Angeles.'),
    concurrent: z.int().positive().optional().describe('Calls at the same time.'),
    bucket: z.number().positive().optional().describe('Size of a bucket that `restore` fills.'),
    restore: z.number().positive().optional().describe('What comes back to the bucket in a second.'),
    of: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'The calls that it counts: `<resource>`, `<resource>.<method>`, `proxy` or `token`. Default: all but `token`.',
      ),
    scope: z
      .enum(['account', 'app'])
      .default('account')
      .describe('Whose calls it counts: of the account, or of all accounts of the integration.'),
    remaining: answerExpression.optional().describe('What the answer says is left.'),
    used: answerExpression.optional().describe('What the answer says is used.'),
    maximum: answerExpression.optional().describe('What the answer says the limit is; it replaces the declared one.'),
    pattern: z
      .string()
      .optional()
      .describe(
        'For an answer such as `api-usage=18/5000`: a pattern with the groups `used` and `maximum`, or `remaining`.',
      ),
    charged: answerExpression.optional().describe('What the answer says the call cost.'),
    reset: z
      .strictObject({
        from: answerExpression,
        as: z.enum(['seconds', 'ms', 'epoch_s', 'epoch_ms', 'iso', 'http_date']).default('seconds'),
      })
      .optional()
      .describe('When the answer says that the count starts anew.'),
  })
  .superRefine((written, context) => {
    const given = kinds.filter((kind) => written[kind] !== undefined);
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (given.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `got ${given.length === 0 ? 'none' : given.join(' and ')}, expected exactly one of calls, concurrent, bucket`,
      });
    if ((written.calls === undefined) !== (written.per === undefined))
      issue(
        written.calls === undefined ? 'per' : 'calls',
        written.calls === undefined
          ? 'got `per` without `calls`, expected how many calls there may be in that time'
          : 'got `calls` without `per`, expected the time for which they are, such as per: 1m',
      );
    if ((written.bucket === undefined) !== (written.restore === undefined))
      issue(
        written.bucket === undefined ? 'restore' : 'bucket',
        written.bucket === undefined
          ? 'got `restore` without `bucket`, expected the size of the bucket'
          : 'got `bucket` without `restore`, expected what comes back in a second',
      );
    if (written.pattern !== undefined && !/\(\?<(used|remaining)>/.test(written.pattern))
      issue('pattern', 'expected a pattern with a group (?<used>…) or (?<remaining>…)');
    if (written.pattern !== undefined && written.used === undefined && written.remaining === undefined)
      issue('pattern', 'expected `used` or `remaining`, whose text it reads');
    if (written.resets !== undefined && written.calls === undefined) issue('resets', 'expected `calls` and `per`');
  });

export const limits = z
  .array(limit)
  .max(12)
  .default([])
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries())
      if (all.findIndex((one) => one.name === name) < index)
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `got "${name}" twice, expected another name`,
        });
  })
  .describe('How much an account may ask of the provider. What answers say wins over what is declared.');

export type LimitSpec = z.infer<typeof limit>;
