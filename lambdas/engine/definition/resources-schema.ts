import { z } from 'zod';
import {
  batchGetCall,
  changesCall,
  deletionsCall,
  getCall,
  listCall,
  writeCall,
} from '../provider/language/call-schema.ts';
import { answerExpression } from '../provider/language/words.ts';
import { versionKinds } from '../records/rank.ts';

/** A path of members in `data`, such as `rating.score`. */
export const memberPath = z
  .string()
  .regex(/^[^.\s]+(\.[^.\s]+)*$/, 'expected names of members joined by dots, for example rating.score');

export const resourceName = z
  .string()
  .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected <model>/<plural>, for example hris/employees');

const jsonata = z.string().min(1);

const resource = z
  .strictObject({
    state: z
      .enum(['record', 'none'])
      .optional()
      .describe(
        '`record`: the engine keeps the state of each record, and drops what is older or says the same. `none`: events are facts, such as messages; each is published. Default: as the canonical resource says, else `record`.',
      ),
    map: jsonata
      .optional()
      .describe(
        "JSONata from the provider's record to `data`: inline, or the name of a .jsonata file. Reads, and webhooks that carry the record, use it.",
      ),
    id: answerExpression.optional().describe("The record's id, over the provider's record. Default: `id`."),
    version: z
      .strictObject({
        from: answerExpression
          .optional()
          .describe("Where the provider's record has its version, for example `updated_at`."),
        as: z
          .enum(versionKinds)
          .describe(
            'How the provider writes versions: `time` (ISO 8601), `epoch_s`, `epoch_ms`, `ms_date` (`/Date(…)/`), `integer`, or `opaque` (equal or not, without an order).',
          ),
      })
      .optional()
      .describe('The version of a record: it orders two states of one record.'),
    updated: answerExpression
      .optional()
      .describe('When the record changed last, where that is not its version: `occurred_at` of its events.'),
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
    from: resourceName
      .optional()
      .describe('Another resource whose calls this one shares, for records that are both; `keep` tells them apart.'),
    keep: answerExpression
      .optional()
      .describe("True over a provider's record that belongs to the resource; others are left out, or deleted here."),
    deleted: answerExpression.optional().describe("True over a provider's record that stands for a deleted one."),
    adapt: jsonata
      .optional()
      .describe("JSONata from the webhook's record to the API's, where they differ: inline, or a .jsonata file."),
    unfetchable: z
      .string()
      .min(1)
      .optional()
      .describe('Why thin events of the resource stay thin: no call of the provider reads such a record.'),
    get: getCall.optional(),
    batch_get: batchGetCall.optional(),
    list: listCall.optional(),
    changes: changesCall
      .optional()
      .describe('Reads the records that have changed since `{since}`, or since `{cursor}`, page by page.'),
    deletions: deletionsCall
      .optional()
      .describe('Reads the ids of the records that were deleted since `{since}`, page by page.'),
    create: writeCall.optional().describe('Creates a record from `{body}`.'),
    update: writeCall.optional().describe('Changes the record `{id}` as `{body}` says.'),
    delete: writeCall.optional().describe('Deletes the record `{id}`.'),
  })
  .superRefine((written, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const reads = (['get', 'batch_get', 'list', 'changes', 'deletions'] as const).filter(
      (name) => written[name] !== undefined,
    );
    if (reads[0] !== undefined && written.map === undefined)
      issue(reads[0], 'got a call without `map`, expected the mapping that makes data of what it reads');
    if (written.from !== undefined && reads[0] !== undefined)
      issue(reads[0], 'got a call and `from`, expected the calls of that resource, or own ones');
    if (written.from !== undefined && written.map === undefined) issue('from', 'got no `map` beside it, expected one');
    if (written.batch_get?.missing === 'get' && written.get === undefined)
      issue(
        'batch_get',
        'got no `get`, which tells whether a missing record is gone; expected one, or `missing: gone`',
      );
    if (written.unfetchable !== undefined && written.get !== undefined)
      issue('unfetchable', 'got a reason and `get`, expected one of them');
  });

/** What a definition says about the records of each resource. */
export const resources = z
  .record(resourceName, resource)
  .optional()
  .describe('What the records of each resource are, and how they are read.');
