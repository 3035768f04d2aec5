import { z } from 'zod';
import { recordEventType, resourceName } from '../../../engine/subscription/filter-schema.ts';
import { prepareSubscription } from '../../../flows/attempt-delivery.ts';
import { createSubscription } from '../../../flows/create-subscription.ts';
import { endpointHealths, publishedKeys } from '../../../flows/describe-subscription.ts';
import {
  disableSubscription,
  enableSubscription,
  removeSubscription,
  rotateSecret,
  updateSubscription,
} from '../../../flows/manage-subscription.ts';
import { simulations, testEndpoint } from '../../../flows/test-endpoint.ts';
import type { Subscription } from '../../../ports/subscription-store.ts';
import { ProblemError } from '../../answer-problems.ts';
import {
  type ApiRoute,
  bodyProblem,
  decodeCursor,
  encodeCursor,
  identifier,
  listQuery,
  readBody,
  readOptionalBody,
  readQuery,
  tenantName,
} from '../api-call.ts';
import type { ApiOutcomes, ApiPorts } from '../api-ports.ts';
import { findSubscription, namedTenant } from '../ownership.ts';
import { notFound, tenantOf } from '../principal.ts';
import { replayView } from './replays.ts';
import { subscriptionBody, subscriptionPatch } from './subscription-body.ts';
import { isoOrNull, subscriptionView } from './subscription-view.ts';
import { testView } from './test-view.ts';

const subscriptionCursor = z.object({ subscription: identifier });

const enableBody = z.strictObject({ catch_up: z.boolean().default(false), tenant: tenantName.optional() });
const emptyBody = z.strictObject({});
const rotateBody = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400),
});
const testBody = z.strictObject({
  simulate: z.enum(simulations).optional(),
  type: recordEventType.optional(),
  resource: resourceName.optional(),
});

/** Subscriptions. A secret is in the answer to its making, and in no other. */
export function subscriptionRoutes(ports: ApiPorts, outcomes: ApiOutcomes): readonly ApiRoute[] {
  const views = async (subscriptions: readonly Subscription[]) => {
    const healths = await endpointHealths(ports, subscriptions);
    return healths.map((health, index) =>
      subscriptionView(subscriptions[index] as Subscription, health, ports.endpointPolicy),
    );
  };
  const view = async (subscription: Subscription) => (await views([subscription]))[0];
  const urlRefused = (reason: string) =>
    new ProblemError({ status: 422, detail: `The URL may not be called: ${reason}.` });

  return [
    {
      method: 'POST',
      path: '/v1/subscriptions',
      async handle(call) {
        const body = readBody(call, subscriptionBody(ports.clock.nowMs()));
        const tenant = tenantOf(call.principal, body.tenant);
        const creation = await createSubscription(ports, { ...body.request, id: body.id, tenant });
        switch (creation.kind) {
          case 'created':
            return { status: 201, body: { ...(await view(creation.subscription)), secret: creation.secret } };
          case 'exists':
            throw new ProblemError({ status: 409, detail: 'A subscription with this id exists, or existed.' });
          case 'url-refused':
            throw urlRefused(creation.reason);
          case 'conflict':
            throw bodyProblem(creation.path, creation.reason);
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
        return { status: 200, body: { data: await views(page.items), next_cursor: next } };
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}',
      handle: async (call) => ({ status: 200, body: await view(await findSubscription(ports, call)) }),
    },
    {
      method: 'PATCH',
      path: '/v1/subscriptions/{id}',
      async handle(call) {
        const change = readBody(call, subscriptionPatch(ports.clock.nowMs()));
        const { id } = await findSubscription(ports, call);
        const update = await updateSubscription(ports, id, change);
        switch (update.kind) {
          case 'updated':
            return { status: 200, body: await view(update.subscription) };
          case 'gone':
            throw notFound('subscription');
          case 'url-refused':
            throw urlRefused(update.reason);
          case 'conflict':
            throw bodyProblem(update.path, update.reason);
        }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/subscriptions/{id}',
      async handle(call) {
        const { id } = await findSubscription(ports, call);
        const removal = await removeSubscription(ports, id);
        outcomes.count('cancelled', removal.cancelled);
        if (removal.kind === 'unfinished')
          throw new ProblemError({
            status: 503,
            detail: 'The subscription is disabled, and what waits for it is being cancelled: call again to go on.',
            headers: { 'retry-after': '1' },
          });
        return { status: 204, body: undefined };
      },
    },
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/enable',
      async handle(call) {
        const { catch_up: isCatchingUp, tenant: named } = readOptionalBody(call, enableBody);
        const subscription = await findSubscription(ports, call);
        const tenant = isCatchingUp ? namedTenant(subscription, named) : undefined;
        const enabling = await enableSubscription(
          ports,
          subscription.id,
          tenant === undefined ? undefined : { tenant },
        );
        if (enabling === undefined) throw notFound('subscription');
        const { disabledSince, catchUp } = enabling;
        return {
          status: 200,
          body: {
            ...(await view(enabling.subscription)),
            disabled_since: disabledSince ?? null,
            catch_up: catchUp === undefined ? null : replayView(catchUp),
          },
        };
      },
    },
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/disable',
      async handle(call) {
        readOptionalBody(call, emptyBody);
        const { id } = await findSubscription(ports, call);
        const subscription = await disableSubscription(ports, id);
        if (subscription === undefined) throw notFound('subscription');
        return { status: 200, body: await view(subscription) };
      },
    },
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/rotate-secret',
      async handle(call) {
        const { overlap_seconds: overlapSeconds } = readOptionalBody(call, rotateBody);
        const { id } = await findSubscription(ports, call);
        const rotation = await rotateSecret(ports, id, overlapSeconds);
        if (rotation === undefined) throw notFound('subscription');
        return { status: 200, body: { ...(await view(rotation.subscription)), secret: rotation.secret } };
      },
    },
    {
      method: 'GET',
      path: '/v1/subscriptions/{id}/keys',
      // Whoever receives callbacks verifies them with these, and need not be able to call the API.
      isPublic: true,
      async handle({ params }) {
        const subscription = await ports.subscriptions.find(params['id'] ?? '');
        const keys = subscription === undefined ? [] : publishedKeys(subscription, ports.clock.nowMs());
        // Not told apart: a subscription without public keys is nobody's business.
        if (keys.length === 0) throw notFound('key set');
        return {
          status: 200,
          body: {
            keys: keys.map(({ jwk, publicKey, expiresAtMs }) => ({
              ...jwk,
              standard_webhooks: publicKey,
              expires_at: isoOrNull(expiresAtMs),
            })),
          },
        };
      },
    },
    {
      method: 'POST',
      path: '/v1/subscriptions/{id}/test',
      async handle(call) {
        const { simulate, type, resource } = readOptionalBody(call, testBody);
        const prepared = prepareSubscription(await findSubscription(ports, call));
        const result = await testEndpoint(ports, prepared, { simulate, type, resource });
        return { status: 200, body: testView(simulate, result) };
      },
    },
  ];
}
