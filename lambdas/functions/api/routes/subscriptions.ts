import { z } from 'zod';
import { createSubscription } from '../../../flows/create-subscription.ts';
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
  readQuery,
  resourcePattern,
  tenantName,
  typePattern,
} from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { mayAccess, notFound, tenantOf } from '../principal.ts';

const names = z.array(z.string().min(1).max(128)).max(100).default([]);

const subscriptionBody = z.strictObject({
  id: identifier.optional(),
  url: z.string().min(1).max(2048),
  tenant: tenantName.nullable().optional(),
  types: z.array(typePattern).max(100).default([]),
  resources: z.array(resourcePattern).max(100).default([]),
  integrations: names,
  accounts: names,
});

const subscriptionCursor = z.object({ subscription: identifier });
const deliveryCursor = z.object({ delivery: z.string().min(1).max(256) });

/** Subscriptions and their deliveries. The secret is in the answer to the creation, and in no other. */
export function subscriptionRoutes(ports: ApiPorts): readonly ApiRoute[] {
  async function find({ params, principal }: ApiCall): Promise<Subscription> {
    const subscription = await ports.subscriptions.find(params['id'] ?? '');
    if (subscription === undefined || !mayAccess(principal, subscription.tenant)) throw notFound('subscription');
    return subscription;
  }
  return [
    {
      method: 'POST',
      path: '/v1/subscriptions',
      async handle(call) {
        const body = readBody(call, subscriptionBody);
        const tenant = tenantOf(call.principal, body.tenant);
        const creation = await createSubscription(ports, { ...body, tenant });
        switch (creation.kind) {
          case 'created':
            return { status: 201, body: { ...view(creation.subscription), secret: creation.secret } };
          case 'exists':
            throw new ProblemError({ status: 409, detail: 'A subscription with this id exists.' });
          case 'url-refused':
            throw new ProblemError({ status: 422, detail: `The URL may not be called: ${creation.reason}.` });
        }
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions',
      async handle(call) {
        const { limit, cursor } = readQuery(call, listQuery);
        const after = decodeCursor(cursor, subscriptionCursor)?.subscription;
        const page = await ports.subscriptions.list(call.principal.tenant ?? undefined, limit, after);
        const next = page.next === undefined ? null : encodeCursor({ subscription: page.next });
        return { status: 200, body: { data: page.items.map(view), next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}',
      handle: async (call) => ({ status: 200, body: view(await find(call)) }),
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}/deliveries',
      async handle(call) {
        const { limit, cursor } = readQuery(call, listQuery);
        const { id } = await find(call);
        const page = await ports.deliveries.list(id, limit, decodeCursor(cursor, deliveryCursor)?.delivery);
        const next = page.next === undefined ? null : encodeCursor({ delivery: page.next });
        return { status: 200, body: { data: page.items.map(deliveryView), next_cursor: next } };
      },
    },
  ];
}

function view(subscription: Subscription) {
  const { id, url, tenant, types, resources, integrations, accounts, createdAt } = subscription;
  return { id, url, tenant, types, resources, integrations, accounts, created_at: createdAt };
}

function deliveryView(delivery: Delivery) {
  return {
    event_id: delivery.event,
    subscription_id: delivery.subscription,
    tenant: delivery.tenant,
    state: delivery.state,
    exhausted_by: delivery.exhaustedBy ?? null,
    attempts: delivery.attempts.map(({ number, at, durationMs, status, error, response }) => ({
      number,
      at,
      duration_ms: durationMs,
      status: status ?? null,
      error: error ?? null,
      response: response ?? null,
    })),
    next_attempt_at: delivery.nextAttemptAt ?? null,
  };
}
