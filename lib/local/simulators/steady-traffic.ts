import { createHmac } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

/** The state of the events of a steady provider. */
export interface TrafficReport {
  /** Events whose request got a 2xx answer. */
  readonly accepted: number;
  /** Retries of requests that got no 2xx answer. */
  readonly resent: number;
  readonly arrived: number;
  /** Callbacks after the first of an event. */
  readonly repeated: number;
  /** Seconds since the acceptance of the oldest event that has not arrived; 0 if all have. */
  readonly oldestSeconds: number;
}

export interface SteadyTraffic {
  /** Record a callback that the subscriber received. */
  arrived(recordId: string): void;
  report(): TrafficReport;
  stop(): void;
}

const defaultIntervalMs = 1_000;
/** Maximum time before a retry. */
const resendAtMostMs = 30_000;

/**
 * Send one event after another, with retries as a provider does, and count the callbacks.
 *
 * @param url - Webhook URL of an account of the integration `generic-hmac`.
 * @param intervalMs - Time between two events, and before the first retry; it doubles for each further retry.
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
