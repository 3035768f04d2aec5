import { signCallback } from '../../../lambdas/engine/signing/standard-webhooks.ts';
import type { CommandPorts } from '../command.ts';
import { unreachable } from './engine-address.ts';

/** Default timeout of a subscription. */
const timeoutMs = 15_000;
/** Pauses before the second, third and fourth attempt. */
const retryPausesMs = [1_000, 2_000, 4_000];
/** Characters of an answer that are kept. */
const maxAnswer = 2_000;

export interface ForwardTarget {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  readonly signal: AbortSignal;
}

/** The outcome of the last attempt. */
export interface Forwarded {
  readonly isTaken: boolean;
  readonly tries: number;
  readonly durationMs: number;
  /** Null without an answer: see the error. */
  readonly status: number | null;
  readonly error: string | null;
  readonly body: string;
}

/**
 * Send an event as the callback of a subscription, with at most four attempts; any 2xx answer accepts it.
 *
 * @param onFailure - Called for each failed attempt except the last.
 */
export async function forwardEvent(
  ports: CommandPorts,
  target: ForwardTarget,
  event: { readonly id: string },
  onFailure: (failed: Forwarded) => void,
): Promise<Forwarded> {
  for (let tries = 1; ; tries += 1) {
    const result = await forwardOnce(ports, target, event, tries);
    const pauseMs = retryPausesMs[tries - 1];
    if (result.isTaken || pauseMs === undefined || target.signal.aborted) return result;
    onFailure(result);
    await ports.pause(pauseMs, target.signal);
    if (target.signal.aborted) return result;
  }
}

async function forwardOnce(
  ports: CommandPorts,
  { url, secret, signal }: ForwardTarget,
  event: { readonly id: string },
  tries: number,
): Promise<Forwarded> {
  const startedAtMs = ports.nowMs();
  const body = JSON.stringify(event);
  const ended = (rest: Pick<Forwarded, 'isTaken' | 'status' | 'error' | 'body'>): Forwarded => ({
    ...rest,
    tries,
    durationMs: ports.nowMs() - startedAtMs,
  });
  try {
    const response = await ports.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Tributary/1',
        // Each attempt has its own timestamp, as in the engine, because receivers reject old ones.
        ...signCallback([secret], event.id, Math.floor(startedAtMs / 1000), body),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const answer = await response.text();
    return ended({
      isTaken: response.ok,
      status: response.status,
      error: null,
      body: answer.slice(0, maxAnswer),
    });
  } catch (error) {
    return ended({ isTaken: false, status: null, error: unreachable(url, error, false), body: '' });
  }
}
