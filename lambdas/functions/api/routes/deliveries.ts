import type { deliveryOperations } from '../../../engine/api/operations/delivery-operations.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { deliveryOf } from '../../../flows/deliver/drain/follow-ordered-feed.ts';
import { listDeliveries } from '../../../flows/subscriptions/list-deliveries.ts';
import { attemptNow, cancelDelivery } from '../../../flows/subscriptions/manage-delivery.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiOutcomes, ApiPorts } from '../api-ports.ts';
import type { AnyCall, Handlers } from '../pipeline/api-call.ts';
import { findEventFor, findSubscription, mustBeEnabled, mustBePushed } from '../pipeline/ownership.ts';
import { mayAccess, notFound } from '../pipeline/principal.ts';

import { readDeliveryId } from '../views/delivery-id.ts';
import { changed, deliveryView, stateOf } from '../views/delivery-view.ts';

/** Deliveries: how they ended, retries, cancellations and redeliveries. */
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
        throw new ProblemError({ status: 409, detail: 'The event has expired, so it cannot be sent again.' });
      await mustBePushed(ports, delivery.tenant);
      const view = deliveryView(await attemptNow(ports, subscription, delivery));
      return { status: 202, body: view, change: changed(`deliveries/${view.id}`, subscription.tenant, stateOf(view)) };
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
        change: changed(`deliveries/${view.id}`, subscription.tenant, stateOf(view), stateOf(deliveryView(delivery))),
      };
    },
    async redeliverEvent(call) {
      const subscription = await findSubscription(ports, call, call.body.subscription);
      const row = await findEventFor(ports, call, subscription, call.params['id'] ?? '');
      mustBeEnabled(subscription);
      await mustBePushed(ports, row.tenant);
      const view = deliveryView(await attemptNow(ports, subscription, deliveryOf(subscription, row)));
      return { status: 202, body: view, change: changed(`deliveries/${view.id}`, subscription.tenant, stateOf(view)) };
    },
  };
}
