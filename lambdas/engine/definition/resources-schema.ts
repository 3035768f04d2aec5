import { z } from 'zod';
import { versionKinds } from '../records/rank.ts';

/** A path of members in `data`, such as `rating.score`. */
export const memberPath = z
  .string()
  .regex(/^[^.\s]+(\.[^.\s]+)*$/, 'expected names of members joined by dots, for example rating.score');

const resourceName = z
  .string()
  .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected <model>/<plural>, for example hris/employees');

/** What a definition says about the records of each resource. */
export const resources = z
  .record(
    resourceName,
    z.strictObject({
      state: z
        .enum(['record', 'none'])
        .optional()
        .describe(
          '`record`: the engine keeps the state of each record, and drops what is older or says the same. `none`: events are facts, such as messages; each is published. Default: as the canonical resource says, else `record`.',
        ),
      version: z
        .strictObject({
          as: z
            .enum(versionKinds)
            .describe(
              'How the provider writes versions: `time` (ISO 8601), `epoch_s`, `epoch_ms`, `ms_date` (`/Date(…)/`), `integer`, or `opaque` (equal or not, without an order).',
            ),
        })
        .optional()
        .describe('The version that the mapping gives for a record: it orders two states of one record.'),
      whole: z
        .boolean()
        .optional()
        .describe(
          'Whether the data of a webhook that is not thin is the whole record. `false` where it has only some fields: then a change may leave the data as it was, and each webhook is published. Default: true.',
        ),
      volatile: z
        .array(memberPath)
        .optional()
        .describe('Members of `data` that change although the record does not: a change of them alone is no event.'),
    }),
  )
  .optional()
  .describe('What the records of each resource are, where it differs from the canonical resource.');
