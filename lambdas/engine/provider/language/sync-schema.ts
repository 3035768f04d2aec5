import { z } from 'zod';
import { duration } from './words.ts';

const syncName = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'expected lower-case letters, digits, - and _');
const resource = z
  .string()
  .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected <model>/<plural>, for example hris/employees');

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const bounds = { eq: scalar, gt: scalar, gte: scalar, lt: scalar, lte: scalar };

/** Filters by name: a value, or values by operator. Texts may hold `{{…}}`. */
const syncQuery = z.record(
  z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected the name of a filter'),
  z.union([scalar, z.strictObject(bounds).partial()]),
);

const step = z.strictObject({
  resource,
  method: z.literal('list').default('list'),
  query: syncQuery
    .default({})
    .describe(
      'Filters of the listing. Texts may hold `{{previous_run_date}}`, and `{{resources.<model>.<plural>.<member>}}` of the record on which this one depends.',
    ),
  depends_on: resource
    .optional()
    .describe('An earlier resource of the sync: this one is read for each of its records that changed.'),
  each: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected the name of a filter'),
      z.string().regex(/^context\.[a-z][a-z0-9_]*$/, 'expected context.<name>'),
    )
    .optional()
    .describe('A filter, and the list of the context whose values it takes in turn: each has a cursor of its own.'),
  by: z
    .enum(['changes', 'list'])
    .optional()
    .describe(
      'The call that a run makes. Default: `changes` where the resource has it, else `list`: a complete listing that is compared.',
    ),
  first: z
    .enum(['changes', 'list'])
    .optional()
    .describe('The call of the first run. Default: `list` where the cursor has a `retention`, else as `by` says.'),
});

const cronText = z.string().min(9, 'expected a cron expression of five fields, such as 0 3 * * *');

const timing = {
  every: duration.optional().describe('The interval of its runs; a minute at least. Default: 5m.'),
  between: z
    .tuple([duration, duration])
    .optional()
    .describe('Bounds of the interval: runs come closer together where much changes, and apart where nothing does.'),
  cron: cronText.optional().describe('When it runs, in the place of `every`.'),
  time_zone: z.string().min(1).optional().describe('Of `cron` and `reconcile`. Default: UTC.'),
  emit: z
    .enum(['records', 'combined'])
    .default('records')
    .describe('`records`: an event for each record that changed. `combined`: one event for each run.'),
  reconcile: z
    .union([z.literal('off'), cronText])
    .optional()
    .describe('When all records are listed and compared. Default: once a day. `off`: never.'),
  snapshot: z
    .enum(['events', 'silent'])
    .default('events')
    .describe('What the first run does with the records that it finds: events with `snapshot: true`, or none.'),
  max_missing: z
    .number()
    .gt(0)
    .lte(1)
    .default(0.1)
    .describe(
      'The part of the known records that may be absent from a complete listing. Where more are, nothing is deleted, and the sync fails.',
    ),
  confirm: z
    .enum(['get', 'twice'])
    .optional()
    .describe(
      'What proves a delete by absence: a read of the record, or two listings in turn without it. Default: `get` where the resource has it.',
    ),
};

/** A sync as a definition declares it: one resource, or several in order. */
export const declaredSync = z
  .strictObject({ ...step.partial().shape, resources: z.array(step).min(1).max(20).optional(), ...timing })
  .superRefine((written, context) => {
    if ((written.resource === undefined) === (written.resources === undefined))
      context.addIssue({
        code: 'custom',
        message:
          written.resource === undefined
            ? 'got neither `resource` nor `resources`, expected one of them'
            : 'got `resource` and `resources`, expected one of them',
      });
    const own = (['query', 'depends_on', 'each', 'by', 'first'] as const).find(
      (name) =>
        written.resources !== undefined &&
        written[name] !== undefined &&
        !(name === 'query' && Object.keys(written.query ?? {}).length === 0),
    );
    if (own !== undefined)
      context.addIssue({
        code: 'custom',
        path: [own],
        message: 'got it beside `resources`, expected it within one of them',
      });
  });

export const syncs = z
  .record(syncName, declaredSync)
  .optional()
  .describe('What is polled. An account with credentials gets all of them, unless it says `"syncs": "off"`.');

/** A sync as a caller posts it for an account. */
export const postedSync = z.strictObject({
  id: syncName.optional(),
  integration_name: z.string().min(1).optional(),
  resources: z.array(step).min(1).max(20),
  ...timing,
});

export type SyncStep = z.infer<typeof step>;
export type DeclaredSync = z.infer<typeof declaredSync>;
export type PostedSync = z.infer<typeof postedSync>;
