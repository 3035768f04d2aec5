import { createHmac } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

/** What has become of the events of a steady provider so far. */
export interface TrafficReport {
  /** Events whose request was answered with 2xx. */
  readonly accepted: number;
  /** Requests that were sent again, since they were not answered so. */
  readonly resent: number;
  readonly arrived: number;
  /** Callbacks beyond the first of an event. */
  readonly repeated: number;
  /** Seconds since the oldest event was accepted that has not arrived; 0 where all have. */
  readonly oldestSeconds: number;
}

export interface SteadyTraffic {
  /** Tell of a callback that the subscriber got. */
  arrived(recordId: string): void;
  report(): TrafficReport;
  stop(): void;
}

const defaultIntervalMs = 1_000;
/** The longest time before an event is sent again. */
const resendAtMostMs = 30_000;

/**
 * Send one event after the other, as a provider does that sends again what is not taken, and keep count of what arrives.
 *
 * @param url - Of an account of the integration `generic-hmac`.
 * @param intervalMs - Between two events, and before one is sent again; then twice as long each time.
 */
export function startSteadyTraffic(url: string, secret: string, intervalMs = defaultIntervalMs): SteadyTraffic {
  const acceptedAtMs = new Map<string, number>();
  const callbacks = new Map<string, number>();
  let sent = 0;
  let resent = 0;
  const stopping = new AbortController();

  const send = async (): Promise<void> => {
    sent += 1;
    const id = `steady-${sent}`;
    const body = JSON.stringify([{ type: 'created', resource: 'crm/contacts', id, data: { id, name: id } }]);
    for (let pauseMs = intervalMs; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, resendAtMostMs)) {
      const time = String(Math.floor(Date.now() / 1000));
      const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
      const headers = { 'content-type': 'application/json', 'x-timestamp': time, 'x-signature': signature };
      const response = await fetch(url, { method: 'POST', headers, body, signal: stopping.signal }).catch(
        () => undefined,
      );
      if (response?.ok === true) return void acceptedAtMs.set(id, Date.now());
      resent += 1;
      await setTimeout(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const timer = setInterval(() => void send(), intervalMs);
  return {
    arrived(recordId) {
      if (recordId.startsWith('steady-')) callbacks.set(recordId, (callbacks.get(recordId) ?? 0) + 1);
    },
    report() {
      const waiting = [...acceptedAtMs].filter(([id]) => !callbacks.has(id)).map(([, atMs]) => atMs);
      const oldestMs = waiting.length === 0 ? 0 : Date.now() - Math.min(...waiting);
      const posts = [...callbacks.values()].reduce((sum, times) => sum + times, 0);
      return {
        accepted: acceptedAtMs.size,
        resent,
        arrived: callbacks.size,
        repeated: posts - callbacks.size,
        oldestSeconds: Math.round(oldestMs / 1000),
      };
    },
    stop() {
      clearInterval(timer);
      stopping.abort();
    },
  };
}
