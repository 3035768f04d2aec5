import { z } from 'zod';
import { time } from './shared-schema.ts';

/** A replay, in answers. */
export const replay = z
  .object({
    id: z.string(),
    subscription_id: z.string(),
    tenant: z.string(),
    mode: z.enum(['all', 'failed', 'missing']),
    state: z.enum(['running', 'done', 'cancelled']),
    cancelled_by: z
      .enum(['caller', 'delivery-pull'])
      .nullable()
      .describe(
        "`delivery-pull`: the tenant's delivery mode was set to `pull` while the replay ran. Null unless it is cancelled.",
      ),
    rate_per_second: z.number(),
    scanned: z.int().describe('Events that the replay has read so far.'),
    replayed: z.int().describe('Events that the replay has sent so far.'),
    after_sequence: z.int(),
    up_to_sequence: z.int(),
    position: z.int().describe('Sequence number of the last event that the replay has read.'),
    created_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Replay' });
