import { expect, test } from 'vitest';
import {
  type HeartbeatDelivery,
  type HeartbeatEvent,
  judgeHeartbeats,
} from '../../../../lambdas/engine/canary/judge-heartbeats.ts';

const nowMs = Date.parse('2026-11-30T12:00:00.000Z');
const minutesAgo = (minutes: number) => new Date(nowMs - minutes * 60_000).toISOString();

function event(id: string, origin: string, minutes: number): HeartbeatEvent {
  return { id, origin, timestamp: minutesAgo(minutes), data: { updated_at: minutesAgo(minutes) } };
}

function delivery(event_id: string, minutes: number, state = 'delivered'): HeartbeatDelivery {
  return { event_id, state, attempts: [{ at: minutesAgo(minutes), duration_ms: 250 }] };
}

const healthy = {
  nowMs,
  sinceMs: nowMs - 86_400_000,
  events: [event('push', 'webhook', 5), event('poll', 'poll', 12), event('older', 'webhook', 10)],
  deliveries: [delivery('push', 5), delivery('poll', 12), delivery('older', 10)],
};

test('is healthy, with the time from webhook to callback, if both ways came out at both ends', () => {
  expect(judgeHeartbeats(healthy)).toEqual({ kind: 'healthy', latencyMs: 250 });
});

test.each([
  [
    'the last webhook is not in the feed',
    { events: healthy.events.filter(({ id }) => id !== 'push') },
    ['push-not-in-feed'],
  ],
  ['the last webhook has no delivery', { deliveries: [delivery('poll', 12)] }, ['push-not-delivered']],
  [
    'the delivery of the last webhook waits for a retry',
    { deliveries: [delivery('push', 5, 'retrying'), delivery('poll', 12)] },
    ['push-not-delivered'],
  ],
  ['no poll has found anything', { events: [event('push', 'webhook', 5)] }, ['poll-not-in-feed']],
  ['what the poll found is not delivered', { deliveries: [delivery('push', 5)] }, ['poll-not-delivered']],
  ['nothing comes out', { events: [], deliveries: [] }, ['push-not-in-feed', 'poll-not-in-feed']],
])('is failing if %s', (_, change, faults) => {
  expect(judgeHeartbeats({ ...healthy, ...change })).toEqual({ kind: 'failing', faults });
});

test('expects nothing in the first minutes, and no poll in the first half hour', () => {
  const nothing = { nowMs, events: [], deliveries: [] };
  expect(judgeHeartbeats({ ...nothing, sinceMs: nowMs - 60_000 })).toEqual({ kind: 'too-early' });
  expect(judgeHeartbeats({ ...nothing, sinceMs: nowMs - 1_200_000 })).toEqual({
    kind: 'failing',
    faults: ['push-not-in-feed'],
  });
  expect(judgeHeartbeats({ ...healthy, events: [event('push', 'webhook', 5)], sinceMs: nowMs - 1_200_000 }).kind).toBe(
    'healthy',
  );
});
