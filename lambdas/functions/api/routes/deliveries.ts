import type { deliveryOperations } from '../../../engine/api/operations/delivery-operations.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { deliveryOf } from '../../../flows/deliver/follow-ordered-feed.ts';
import { prepareSubscription } from '../../../flows/deliver/prepare-subscription.ts';
import { listDeliveries } from '../../../flows/subscriptions/list-deliveries.ts';
import { attemptNow, cancelDelivery } from '../../../flows/subscriptions/manage-delivery.ts';
import { cancelReplay, countReplay, replayRateOf, startReplay } from '../../../flows/subscriptions/replay-events.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiOutcomes, ApiPorts } from '../api-ports.ts';
import type { AnyCall, Handlers } from '../pipeline/api-call.ts';
import { findEventFor, findSubscription, mustBeEnabled, namedTenant } from '../pipeline/ownership.ts';
import { mayAccess, notFound } from '../pipeline/principal.ts';
import { whileCounted } from '../pipeline/waiting.ts';
import { readDeliveryId } from '../views/delivery-id.ts';
import { deliveryView } from '../views/delivery-view.ts';
import { replayView } from '../views/replay-view.ts';

/** What became of an event at a subscription, and what it was sent, or should have been, sent again. */
export function deliveryHandlers(ports: ApiPorts, outcomes: ApiOutcomes): Handlers<keyof typeof deliveryOperations> {
  async function find({ params, principal }: AnyCall): Promise<{ subscription: Subscription; delivery: Delivery }> {
    const key = readDeliveryId(params['id'] ?? '');
    if (key === undefined) throw notFound('delivery');
    const subscription = await ports.subscriptions.find(key.subscription);
    if (subscription === undefined || !mayAccess(principal, subscription.tenant)) throw notFound('delivery');
    const delivery = await ports.deliveries.find(key);
    if (delivery === undefined) throw notFound('delivery');
    return { subscription, delivery };
  }
  /** What was done to a delivery, or to a replay, for the audit. */
  const changed = (object: string, tenant: string | null, after: unknown, before: unknown = null) => ({
    object,
    tenant,
    before,
    after,
  });

  return {
    async listDeliveries(call) {
      const { limit, state } = call.query;
      const { id } = await findSubscription(ports, call);
      const page = await listDeliveries(ports, id, { state, limit, after: await call.cursors.after() });
      const data = page.items.map((delivery) => deliveryView(delivery, { isListed: true }));
      return { status: 200, body: { data, next_cursor: await call.cursors.next(page.next) } };
    },
    getDelivery: async (call) => ({ status: 200, body: deliveryView((await find(call)).delivery) }),
    async retryDelivery(call) {
      const { subscription, delivery } = await find(call);
      mustBeEnabled(subscription);
      if ((await ports.events.getMany([delivery])).length === 0)
        throw new ProblemError({ status: 409, detail: 'The event is kept no longer: it cannot be sent again.' });
      const view = deliveryView(await attemptNow(ports, subscription, delivery));
      return { status: 202, body: view, change: changed(`deliveries/${view.id}`, subscription.tenant, state(view)) };
    },
    async cancelDelivery(call) {
      const { subscription, delivery } = await find(call);
      const cancellation = await cancelDelivery(ports, delivery);
      if (cancellation.kind === 'unknown') throw notFound('delivery');
      if (cancellation.kind === 'cancelled') outcomes.count('cancelled');
      const { delivery: after } = cancellation;
      if (after.state !== 'cancelled')
        throw new ProblemError({ status: 409, detail: `The delivery is ${after.state}: nothing is left to cancel.` });
      const view = deliveryView(after);
      return {
        status: 200,
        body: view,
        change: changed(`deliveries/${view.id}`, subscription.tenant, state(view), state(deliveryView(delivery))),
      };
    },
    async redeliverEvent(call) {
      const subscription = await findSubscription(ports, call, call.body.subscription);
      const row = await findEventFor(ports, call, subscription, call.params['id'] ?? '');
      mustBeEnabled(subscription);
      const view = deliveryView(await attemptNow(ports, subscription, deliveryOf(subscription, row)));
      return { status: 202, body: view, change: changed(`deliveries/${view.id}`, subscription.tenant, state(view)) };
    },
    async startReplay(call) {
      const { isDryRun, what } = call.body;
      const subscription = await findSubscription(ports, call);
      if (!isDryRun) mustBeEnabled(subscription);
      if (what.kind === 'event') {
        const row = await findEventFor(ports, call, subscription, what.event);
        if (isDryRun) return { status: 200, body: { dry_run: true, scanned: 1, matched: 1, is_complete: true } };
        const view = deliveryView(await attemptNow(ports, subscription, deliveryOf(subscription, row)));
        return { status: 202, body: view, change: changed(`deliveries/${view.id}`, subscription.tenant, state(view)) };
      }
      const request = {
        tenant: namedTenant(subscription, what.tenant),
        mode: what.mode,
        sinceMs: what.since,
        untilMs: what.until,
        ratePerSecond: what.rate_per_second ?? replayRateOf(subscription),
      };
      if (isDryRun) {
        const count = await whileCounted(ports, call.principal, () =>
          countReplay(ports, prepareSubscription(subscription), request),
        );
        const { scanned, matched, isComplete } = count;
        return { status: 200, body: { dry_run: true, scanned, matched, is_complete: isComplete } };
      }
      const view = replayView(await startReplay(ports, subscription, request));
      return { status: 202, body: view, change: changed(replayName(view), subscription.tenant, view) };
    },
    async listReplays(call) {
      const { id } = await findSubscription(ports, call);
      const page = await ports.replays.list(id, call.query.limit, await call.cursors.after());
      return {
        status: 200,
        body: { data: page.items.map(replayView), next_cursor: await call.cursors.next(page.next) },
      };
    },
    async getReplay(call) {
      const { id } = await findSubscription(ports, call);
      const replay = await ports.replays.find(id, call.params['replay'] ?? '');
      if (replay === undefined) throw notFound('replay');
      return { status: 200, body: replayView(replay) };
    },
    async cancelReplay(call) {
      const { id, tenant } = await findSubscription(ports, call);
      // One that has ended stays as it is: to cancel it twice is no mistake.
      const replay = await cancelReplay(ports, id, call.params['replay'] ?? '');
      if (replay === undefined) throw notFound('replay');
      const view = replayView(replay);
      return { status: 200, body: view, change: changed(replayName(view), tenant, view) };
    },
  };
}

const replayName = ({ id, subscription_id }: ReturnType<typeof replayView>) =>
  `subscriptions/${subscription_id}/replays/${id}`;

/** What the audit keeps of a delivery: not what its endpoint answered. */
function state({ id, event_id, subscription_id, state: standing, attempt_count }: ReturnType<typeof deliveryView>) {
  return { id, event_id, subscription_id, state: standing, attempt_count };
}
