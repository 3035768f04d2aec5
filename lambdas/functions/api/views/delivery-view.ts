import type { Delivery, DeliveryAttempt } from '../../../engine/delivery/delivery.ts';
import { deliveryId } from './delivery-id.ts';

/** Characters of a receiver's answer in lists: a page of deliveries has thousands of attempts. */
const responseInLists = 200;

export function deliveryView(delivery: Delivery, { isListed = false }: { readonly isListed?: boolean } = {}) {
  const { waitsIn, nextAttemptAt } = delivery;
  return {
    id: deliveryId(delivery),
    event_id: delivery.event,
    subscription_id: delivery.subscription,
    tenant: delivery.tenant,
    sequence: delivery.sequence,
    state: delivery.state,
    exhausted_by: delivery.exhaustedBy ?? null,
    replay: delivery.replay ?? null,
    attempt_count: delivery.attemptCount,
    attempts: delivery.attempts.map((attempt) => attemptView(attempt, isListed ? responseInLists : undefined)),
    // A delivery without a time waits until its endpoint accepts callbacks again.
    waits_for: waitsIn === undefined ? null : nextAttemptAt === undefined ? ('endpoint' as const) : ('time' as const),
    next_attempt_at: nextAttemptAt ?? null,
  };
}

function attemptView(attempt: DeliveryAttempt, maxCharacters: number | undefined) {
  const { number, trigger, at, durationMs, status, error, response } = attempt;
  return {
    number,
    trigger,
    at,
    duration_ms: durationMs,
    status: status ?? null,
    error: error ?? null,
    response: response?.slice(0, maxCharacters) ?? null,
  };
}

/** What the audit log keeps of a delivery; it omits the endpoint's answers. */
export function stateOf({
  id,
  event_id,
  subscription_id,
  state: standing,
  attempt_count,
}: ReturnType<typeof deliveryView>) {
  return { id, event_id, subscription_id, state: standing, attempt_count };
}

/** The change of a delivery or a replay, for the audit log. */
export function changed(object: string, tenant: string | null, after: unknown, before: unknown = null) {
  return { object, tenant, before, after };
}
