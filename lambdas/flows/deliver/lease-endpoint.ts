import { type Admission, admit, isFast } from '../../engine/delivery/admission.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { changeEndpoint, type EndpointPorts } from './change-endpoint.ts';
import type { DeliverPorts } from './deliver-ports.ts';

/** Retries for a busy endpoint, and the pause before each, before its events are parked. */
const busyRetries = 20;
const busyPauseMs = 40;

type Admitted = Extract<Admission, { kind: 'admitted' }>;

interface Lease {
  readonly id: string;
  readonly durationMs: number;
  readonly maxSlots: number;
}

/**
 * Ask for a lease to post now. Retries for about a second while the endpoint is fast but busy.
 *
 * @returns The admission with the state as stored; undefined when no lease was given.
 */
export async function askForLease(
  ports: DeliverPorts,
  known: EndpointState,
  prepared: PreparedSubscription,
  wanted: number,
  lease: Lease,
): Promise<Admitted | undefined> {
  if (wanted === 0) return undefined;
  let state = known;
  for (let tries = 0; ; tries += 1) {
    const { state: after, result } = await changeEndpoint<Admission | { kind: 'slow' }>(ports, state, (current) => {
      const nowMs = ports.clock.nowMs();
      if (!isFast(current, ports.endpointPolicy, nowMs)) return { result: { kind: 'slow' } };
      const admission = admit(current, prepared.limits, wanted, lease, nowMs);
      return admission.kind === 'admitted' ? { state: admission.state, result: admission } : { result: admission };
    });
    if (result.kind === 'admitted') return { ...result, state: after };
    if (result.kind !== 'blocked' || result.by !== 'concurrency' || tries === busyRetries) return undefined;
    await ports.pause(busyPauseMs);
    const [stored] = await ports.endpoints.getMany([known]);
    state = stored ?? known;
  }
}

/** The endpoint policy with the subscription's own settings applied. */
export function policyOf({ endpointPolicy }: EndpointPorts, { subscription }: PreparedSubscription) {
  const { disableAfterMs } = subscription;
  return disableAfterMs === undefined ? endpointPolicy : { ...endpointPolicy, disableAfterMs };
}

export function leaseId({ randomness }: Pick<DeliverPorts, 'randomness'>): string {
  return randomness.bytes(9).toString('base64url');
}
