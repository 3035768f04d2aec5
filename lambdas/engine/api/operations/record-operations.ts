import { z } from 'zod';
import { eventTypes, origins } from '../../event/canonical-event.ts';
import { operation } from '../operation.ts';
import { time } from '../shared-schema.ts';

const origin = z.enum(origins);

const recordState = z
  .object({
    account: z.string(),
    resource: z.string(),
    record_id: z.string(),
    rank: z
      .string()
      .describe("What orders the record's states: its version as the provider writes it, else the time of its change."),
    last_version: z
      .string()
      .nullable()
      .describe('The last version that an input gave, though the latest input may have given none.'),
    sequence: z.int().nullable().describe('Sequence number of its last event.'),
    event: z.string().nullable().describe('Id of its last event.'),
    deleted: z.boolean(),
    seen_at: time.describe('When the last change was received, or the read that found it began.'),
    origin: origin.nullable().describe('How Tributary learned of the last change.'),
    changes: z
      .array(z.object({ event: z.string(), sequence: z.int(), type: z.enum(eventTypes), origin }))
      .describe('The last events of the record, the latest first.'),
    drops: z
      .array(z.object({ outcome: z.enum(['stale', 'unchanged']), origin, rank: z.string(), seen_at: time }))
      .describe(
        'The last inputs that made no event, the latest first: `stale` is older than what is known, `unchanged` says the same.',
      ),
  })
  .meta({ id: 'RecordState' });

const example = {
  account: 'acc_github_acme',
  resource: 'ticketing/tickets',
  record_id: '2910044017',
  rank: '2026-11-27T12:00:00Z',
  last_version: '2026-11-27T12:00:00Z',
  sequence: 4211,
  event: 'evt_5e0d3f1a9c2b4d6e8f7a6b5c4d3e2f10',
  deleted: false,
  seen_at: '2026-11-27T12:00:01.204Z',
  origin: 'webhook' as const,
  changes: [
    {
      event: 'evt_5e0d3f1a9c2b4d6e8f7a6b5c4d3e2f10',
      sequence: 4211,
      type: 'record:updated' as const,
      origin: 'webhook' as const,
    },
  ],
  drops: [
    {
      outcome: 'stale' as const,
      origin: 'webhook' as const,
      rank: '2026-11-27T11:59:58Z',
      seen_at: '2026-11-27T12:00:03.871Z',
    },
  ],
};

/** What the engine knows about single records. */
export const recordOperations = {
  getRecordState: operation({
    method: 'GET',
    path: '/v1/accounts/{id}/states/{model}/{plural}/{record_id}',
    isOpenEnded: true,
    tag: 'Events',
    summary: 'Get what the engine knows of a record',
    description:
      'The state by which webhooks that come late, twice or out of order are recognized. No provider is called. `GET /v1/events?record_id=` has the events of the record with their data. Facts, such as messages, have no state.',
    access: 'events:read',
    answers: { 200: { description: 'The state of the record.', body: recordState } },
    example: {
      params: { id: 'acc_github_acme', model: 'ticketing', plural: 'tickets', record_id: '2910044017' },
      answer: example,
    },
  }),
} as const;
