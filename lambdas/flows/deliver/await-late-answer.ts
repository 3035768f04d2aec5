import { isStalled } from '../../engine/delivery/admission.ts';
import type { LateAnswer } from '../../ports/delivery/callback-client.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import type { PostLease } from './lease-endpoint.ts';

/** How long a fast endpoint may take before its answer counts as late: this, or three times its usual time. */
const shortestPatienceMs = 1_000;
const usualTimes = 3;

/** Time to write that an answer is late, before the lease of its post ends. */
export const leaseMarginMs = 500;

/** Time after the callback's timeout by which its run has given the lease back. */
const endMs = 10_000;

interface Patience {
  readonly afterMs: number;
  readonly late: LateAnswer;
  /** Whether an answer was late: then no further post begins. */
  isOver(): boolean;
  /** Resolves when nothing is written of it any more: the lease must not be given back before. */
  settled(): Promise<void>;
}

/**
 * Decide what to do when an answer of a fast endpoint is late. One run of all waits for it, and its lease is extended;
 * meanwhile the endpoint is not fast. The others give up: each would occupy a function for as long as the endpoint
 * hangs, and its neighbours would wait. What they posted is sent again by the drain, with the same id.
 */
export function createPatience(ports: DeliverPorts, prepared: PreparedSubscription, lease: PostLease): Patience {
  const afterMs = Math.max(shortestPatienceMs, usualTimes * (lease.state.latencyMs ?? 0));
  let waiting: Promise<boolean> | undefined;
  return {
    afterMs,
    late: {
      afterMs,
      waitsOn: () => {
        waiting ??= beginToWait(ports, prepared, lease);
        return waiting;
      },
    },
    isOver: () => waiting !== undefined,
    async settled() {
      await waiting?.catch(() => undefined);
    },
  };
}

/** Become the run that waits. @returns False when another one waits already. */
async function beginToWait(ports: DeliverPorts, prepared: PreparedSubscription, lease: PostLease): Promise<boolean> {
  const timeoutMs = prepared.subscription.endpoint.timeout_seconds * 1000;
  const { result } = await changeEndpoint(ports, lease.state, (current) => {
    const nowMs = ports.clock.nowMs();
    // Once the lease is over, others may use its slots.
    if (isStalled(current, nowMs) || nowMs >= lease.untilMs) return { result: false };
    const untilMs = Math.max(nowMs + timeoutMs + endMs, lease.untilMs);
    const leases = { ...current.leases, [lease.id]: { slots: lease.slots, untilMs } };
    return { state: { ...current, leases, stall: { lease: lease.id, untilMs } }, result: true };
  });
  return result;
}
