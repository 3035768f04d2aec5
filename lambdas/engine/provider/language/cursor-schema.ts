import { z } from 'zod';
import { answerExpression, duration } from './words.ts';

const cursorKinds = ['time', 'id', 'token'] as const;

/** How a provider writes the values of a cursor; all but `text` have an order. */
export const cursorForms = ['time', 'epoch_s', 'epoch_ms', 'ms_date', 'integer'] as const;
export type CursorForm = (typeof cursorForms)[number];

/** What `changes` goes on from, and what the provider promises of it. */
export const cursor = z
  .strictObject({
    kind: z
      .enum(cursorKinds)
      .default('time')
      .describe(
        '`time`: the time of change, read as `{since}`. `id`: an id that rises, read as `{cursor}`. `token`: an opaque text of the answer, read as `{cursor}`.',
      ),
    from: answerExpression
      .optional()
      .describe("Of `time` and `id`: over a row. Default: the resource's version for `time`, its id for `id`."),
    answer: answerExpression
      .optional()
      .describe('Over the answer: the token, or the time from which the next call reads. Required for `token`.'),
    as: z
      .enum(cursorForms)
      .optional()
      .describe("How it is written. Default: as the resource's version for `time`, `integer` for `id`."),
    url: z.boolean().default(false).describe('Whether the token is the URL of the next call, such as a delta link.'),
    bound: z
      .enum(['inclusive', 'exclusive'])
      .default('inclusive')
      .describe(
        'Whether the provider gives rows of the time `{since}` itself. Where it does not, `precision` is needed.',
      ),
    precision: duration.optional().describe('The step in which the provider writes or compares times.'),
    lag: duration.optional().describe('How long after its time a row may appear: it is committed, or indexed, late.'),
    lookback: duration.optional().describe('How far before the cursor each run reads again. Default: `lag`.'),
    settle: duration
      .default('0s')
      .describe("The cursor stays so far behind the server's own clock (its `Date`), whatever rows say."),
    retention: duration
      .optional()
      .describe('How long the provider keeps changes: an older cursor has expired, and all records are listed anew.'),
  })
  .describe('Where the next run goes on.');

export type CursorSpec = z.infer<typeof cursor>;
