/** An event of the canary's tenant, as the feed gives it. */
export interface HeartbeatEvent {
  readonly id: string;
  readonly origin: string;
  /** ISO 8601: when the engine learned of it. */
  readonly timestamp: string;
  readonly data: { readonly updated_at?: string | null };
}

/** A delivery to the canary's subscription, as the API shows it. */
export interface HeartbeatDelivery {
  readonly event_id: string;
  readonly state: string;
  readonly attempts: readonly { readonly at: string; readonly duration_ms: number }[];
}

/** What a run of the canary sees of the runs before it. */
export interface Sighting {
  readonly nowMs: number;
  /** Epoch milliseconds; the canary sends since then. */
  readonly sinceMs: number;
  readonly events: readonly HeartbeatEvent[];
  readonly deliveries: readonly HeartbeatDelivery[];
}

export type CanaryFault = 'push-not-in-feed' | 'push-not-delivered' | 'poll-not-in-feed' | 'poll-not-delivered';

export type CanaryVerdict =
  /** From the webhook of the run before to the answer of its callback. */
  | { readonly kind: 'healthy'; readonly latencyMs: number }
  | { readonly kind: 'failing'; readonly faults: readonly CanaryFault[] }
  /** The canary has not sent for long enough. */
  | { readonly kind: 'too-early' };

const msPerMinute = 60_000;
/** A run is due every five minutes, and may begin a minute late. */
const pushedWithinMs = 7 * msPerMinute;
/** The provider has news every 15 minutes, a sync is due every 15 minutes, and a run may begin minutes late. */
const polledWithinMs = 35 * msPerMinute;

/** The oldest event that a verdict may need. */
export const sightingMs = polledWithinMs;

/** Decide whether what was sent has come out at both ends: the feed and the callback. */
export function judgeHeartbeats({ nowMs, sinceMs, events, deliveries }: Sighting): CanaryVerdict {
  const push = newest(
    events.filter(({ origin, data }) => origin === 'webhook' && nowMs - timeOf(data.updated_at) <= pushedWithinMs),
  );
  const poll = newest(
    events.filter(({ origin, timestamp }) => origin === 'poll' && nowMs - timeOf(timestamp) <= polledWithinMs),
  );
  const pushed = find(deliveries, push);
  const faults: CanaryFault[] = [];
  if (nowMs - sinceMs < pushedWithinMs) return { kind: 'too-early' };
  if (push === undefined) faults.push('push-not-in-feed');
  else if (pushed === undefined) faults.push('push-not-delivered');
  if (nowMs - sinceMs >= polledWithinMs) {
    if (poll === undefined) faults.push('poll-not-in-feed');
    else if (find(deliveries, poll) === undefined) faults.push('poll-not-delivered');
  }
  if (faults.length > 0 || push === undefined || pushed === undefined) return { kind: 'failing', faults };
  return { kind: 'healthy', latencyMs: Math.max(0, answeredAtMs(pushed) - timeOf(push.data.updated_at)) };
}

function newest(events: readonly HeartbeatEvent[]): HeartbeatEvent | undefined {
  return events.reduce<HeartbeatEvent | undefined>(
    (best, event) => (best === undefined || event.timestamp >= best.timestamp ? event : best),
    undefined,
  );
}

function find(deliveries: readonly HeartbeatDelivery[], event: HeartbeatEvent | undefined) {
  return deliveries.find(({ event_id, state }) => event_id === event?.id && state === 'delivered');
}

function answeredAtMs({ attempts }: HeartbeatDelivery): number {
  const last = attempts.at(-1);
  return last === undefined ? Number.NaN : timeOf(last.at) + last.duration_ms;
}

/** @returns NaN for a text that is no time, which no comparison accepts. */
function timeOf(text: string | null | undefined): number {
  return Date.parse(text ?? '');
}
