import { z } from 'zod';
import { deliveryOf } from '../../../flows/follow-ordered-feed.ts';
import { listDeliveries } from '../../../flows/list-deliveries.ts';
import { attemptNow, cancelDelivery } from '../../../flows/manage-delivery.ts';
import type { Delivery } from '../../../ports/delivery-store.ts';
import type { Subscription } from '../../../ports/subscription-store.ts';
import { ProblemError } from '../../answer-problems.ts';
import {
  type ApiCall,
  type ApiRoute,
  decodeCursor,
  encodeCursor,
  identifier,
  listQuery,
  readBody,
  readOptionalBody,
  readQuery,
} from '../api-call.ts';
import type { ApiOutcomes, ApiPorts } from '../api-ports.ts';
import { readDeliveryId } from '../delivery-id.ts';
import { findEventFor, findSubscription, mustBeEnabled } from '../ownership.ts';
import { mayAccess, notFound } from '../principal.ts';
import { deliveryView } from './delivery-view.ts';

const deliveryCursor = z.object({ delivery: z.string().min(1).max(256) });
const deliveriesQuery = listQuery.extend({
  state: z.enum(['waiting', 'retrying', 'delivered', 'exhausted', 'cancelled']).optional(),
});
const redeliverBody = z.strictObject({ subscription: identifier });
const emptyBody = z.strictObject({});

/** Deliveries: what became of an event at a subscription. They are their subscription's owner's. */
export function deliveryRoutes(ports: ApiPorts, outcomes: ApiOutcomes): readonly ApiRoute[] {
  async function find(call: ApiCall): Promise<{ subscription: Subscription; delivery: Delivery }> {
    const key = readDeliveryId(call.params['id'] ?? '');
    if (key === undefined) throw notFound('delivery');
    const subscription = await ports.subscriptions.find(key.subscription);
    if (subscription === undefined || !mayAccess(call.principal, subscription.tenant)) throw notFound('delivery');
    const delivery = await ports.deliveries.find(key);
    if (delivery === undefined) throw notFound('delivery');
    return { subscription, delivery };
  }
  return [
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}/deliveries',
      async handle(call) {
        const { limit, cursor, state } = readQuery(call, deliveriesQuery);
        const { id } = await findSubscription(ports, call);
        const after = decodeCursor(cursor, deliveryCursor)?.delivery;
        const page = await listDeliveries(ports, id, { state, limit, after });
        const next = page.next === undefined ? null : encodeCursor({ delivery: page.next });
        const data = page.items.map((delivery) => deliveryView(delivery, { isListed: true }));
        return { status: 200, body: { data, next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/deliveries/{id}',
      handle: async (call) => ({ status: 200, body: deliveryView((await find(call)).delivery) }),
    },
    {
      method: 'POST',
      path: '/v1/deliveries/{id}/retry',
      async handle(call) {
        readOptionalBody(call, emptyBody);
        const { subscription, delivery } = await find(call);
        mustBeEnabled(subscription);
        if ((await ports.events.getMany([delivery])).length === 0)
          throw new ProblemError({ status: 409, detail: 'The event is kept no longer: it cannot be sent again.' });
        return { status: 202, body: deliveryView(await attemptNow(ports, subscription, delivery)) };
      },
    },
    {
      method: 'POST',
      path: '/v1/deliveries/{id}/cancel',
      async handle(call) {
        readOptionalBody(call, emptyBody);
        const { delivery } = await find(call);
        const cancellation = await cancelDelivery(ports, delivery);
        if (cancellation.kind === 'unknown') throw notFound('delivery');
        if (cancellation.kind === 'cancelled') outcomes.count('cancelled');
        const { delivery: after } = cancellation;
        if (after.state !== 'cancelled')
          throw new ProblemError({ status: 409, detail: `The delivery is ${after.state}: nothing is left to cancel.` });
        return { status: 200, body: deliveryView(after) };
      },
    },
    {
      method: 'POST',
      path: '/v1/events/{id}/redeliver',
      async handle(call) {
        const { subscription: id } = readBody(call, redeliverBody);
        const subscription = await findSubscription(ports, call, id);
        const row = await findEventFor(ports, call, subscription, call.params['id'] ?? '');
        mustBeEnabled(subscription);
        const delivery = await attemptNow(ports, subscription, deliveryOf(subscription, row));
        return { status: 202, body: deliveryView(delivery) };
      },
    },
  ];
}
