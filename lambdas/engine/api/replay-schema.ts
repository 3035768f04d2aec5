import { z } from 'zod';
import { time } from './shared-schema.ts';

/** A replay as answers show it. */
export const replay = z
  .object({
    id: z.string(),
    subscription_id: z.string(),
    tenant: z.string(),
    mode: z.enum(['all', 'failed', 'missing']),
    state: z.enum(['running', 'done', 'cancelled']),
    rate_per_second: z.number(),
    scanned: z.int().describe('Events that it has looked at.'),
    replayed: z.int().describe('Those of them that it has sent.'),
    after_sequence: z.int(),
    up_to_sequence: z.int(),
    position: z.int().describe('Up to where it has looked.'),
    created_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Replay' });
