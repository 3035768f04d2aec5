import type { subscriptionOperations } from '../../../engine/api/operations/subscription-operations.ts';
import { listByMetadata } from '../../../flows/accounts/list-by-metadata.ts';
import { prepareSubscription } from '../../../flows/deliver/attempt/prepare-subscription.ts';
import { findEventRow } from '../../../flows/feed/read-event.ts';
import { createSubscription, type UrlRefused } from '../../../flows/subscriptions/create-subscription.ts';
import { endpointHealths, publishedKeys } from '../../../flows/subscriptions/describe-subscription.ts';
import {
  disableSubscription,
  enableSubscription,
  removeSubscription,
  rotateSecret,
  updateSubscription,
} from '../../../flows/subscriptions/manage-subscription.ts';
import { previewSubscription } from '../../../flows/subscriptions/preview-subscription.ts';
import { simulationFault, testEndpoint } from '../../../flows/subscriptions/test-endpoint.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiOutcomes, ApiPorts } from '../api-ports.ts';
import { type ApiAnswer, type ApiCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { erasing, findSubscription, mustBePushed, namedTenant } from '../pipeline/ownership.ts';
import { mayAccess, notFound, tenantOf } from '../pipeline/principal.ts';
import { quotaExceeded } from '../pipeline/quota-problem.ts';
import { whileCounted } from '../pipeline/waiting.ts';
import { isoOrNull } from '../views/iso-or-null.ts';
import { replayView } from '../views/replay-view.ts';
import { subscriptionView } from '../views/subscription-view.ts';
import { testView } from '../views/test-view.ts';

/** Characters of a preview's body in an answer. */
const shownBody = 262_144;

type View = ReturnType<typeof subscriptionView>;

function settled(view: View | null) {
  if (view === null) return null;
  const { health: _, ...rest } = view;
  return rest;
}

async function viewsOf(ports: ApiPorts, subscriptions: readonly Subscription[]): Promise<View[]> {
  const healths = await endpointHealths(ports, subscriptions);
  return healths.map((health, index) =>
    subscriptionView(subscriptions[index] as Subscription, health, ports.endpointPolicy, ports.ownAccount.principal),
  );
}

async function viewOf(ports: ApiPorts, subscription: Subscription): Promise<View> {
  return (await viewsOf(ports, [subscription]))[0] as View;
}

/** What a call changed, for the audit log. The caller does not change the endpoint's health, so it is left out. */
function changed(before: View | null, after: View | null) {
  const { id, tenant } = (before ?? after) as View;
  return { object: `subscriptions/${id}`, tenant, before: settled(before), after: settled(after) };
}

function urlRefused({ path, reason }: UrlRefused): ProblemError {
  const which = path === 'url' ? '' : 'token_url: ';
  return new ProblemError({
    status: 422,
    detail: `The URL may not be called: ${which}${reason}.`,
    extensions: { errors: [{ path, message: `may not be called: ${reason}` }] },
  });
}

async function handleCreateSubscription(
  ports: ApiPorts,
  { body, principal, stableId }: ApiCall<'createSubscription'>,
): Promise<ApiAnswer<'createSubscription'>> {
  const tenant = tenantOf(principal, body.tenant);
  const id = body.id ?? (stableId === undefined ? undefined : `sub_${stableId}`);
  const creation = await createSubscription(ports, { ...body.request, id, tenant });
  switch (creation.kind) {
    case 'created': {
      const after = await viewOf(ports, creation.subscription);
      return { status: 201, body: { ...after, secret: creation.secret }, change: changed(null, after) };
    }
    case 'exists': {
      // An earlier try of this request created it before its run was cut off.
      const made = body.id === undefined && id !== undefined ? await ports.subscriptions.find(id) : undefined;
      const secret = made?.secrets[0]?.value;
      if (made?.tenant === tenant && secret !== undefined)
        return { status: 201, body: { ...(await viewOf(ports, made)), secret } };
      throw new ProblemError({ status: 409, detail: 'A subscription with this id exists, or existed.' });
    }
    case 'url-refused':
      throw urlRefused(creation);
    case 'conflict':
      throw bodyProblem(creation.path, creation.reason);
    case 'tenant-erasing':
      throw erasing();
    case 'quota-exceeded':
      throw quotaExceeded(creation);
  }
}

/** Subscriptions. Only the answer that creates a secret contains it. */
export function subscriptionHandlers(
  ports: ApiPorts,
  outcomes: ApiOutcomes,
): Handlers<keyof typeof subscriptionOperations> {
  const view = async (subscription: Subscription) => viewOf(ports, subscription);
  return {
    createSubscription: async (call) => handleCreateSubscription(ports, call),
    async listSubscriptions({ query, principal, cursors }) {
      const tenant = tenantOf(principal, query.tenant) ?? undefined;
      const page = await listByMetadata(
        (limit, after) => ports.subscriptions.list(tenant, limit, after),
        query,
        await cursors.after(),
      );
      return {
        status: 200,
        body: { data: await viewsOf(ports, page.items), next_cursor: await cursors.next(page.next) },
      };
    },
    getSubscription: async (call) => ({ status: 200, body: await view(await findSubscription(ports, call)) }),
    async updateSubscription(call) {
      const before = await findSubscription(ports, call);
      const update = await updateSubscription(ports, before.id, call.body);
      switch (update.kind) {
        case 'updated': {
          const after = await view(update.subscription);
          return { status: 200, body: after, change: changed(await view(before), after) };
        }
        case 'gone':
          throw notFound('subscription');
        case 'url-refused':
          throw urlRefused(update);
        case 'conflict':
          throw bodyProblem(update.path, update.reason);
      }
    },
    async deleteSubscription(call) {
      const before = await findSubscription(ports, call);
      const removal = await removeSubscription(ports, before.id);
      outcomes.count('cancelled', removal.cancelled);
      if (removal.kind === 'unfinished')
        throw new ProblemError({
          status: 503,
          detail:
            'The subscription is disabled, and its waiting deliveries are being cancelled. Call again to continue.',
          headers: { 'retry-after': '1' },
        });
      return { status: 204, body: undefined, change: changed(await view(before), null) };
    },
    async enableSubscription(call) {
      const { catch_up: isCatchingUp, tenant: named } = call.body;
      const before = await findSubscription(ports, call);
      const tenant = isCatchingUp ? namedTenant(before, named) : undefined;
      if (tenant !== undefined) await mustBePushed(ports, tenant);
      const enabling = await enableSubscription(ports, before.id, tenant === undefined ? undefined : { tenant });
      if (enabling === undefined) throw notFound('subscription');
      const { disabledSince, catchUp } = enabling;
      const after = await view(enabling.subscription);
      return {
        status: 200,
        body: {
          ...after,
          disabled_since: disabledSince ?? null,
          catch_up: catchUp === undefined ? null : replayView(catchUp),
        },
        change: changed(await view(before), after),
      };
    },
    async disableSubscription(call) {
      const before = await findSubscription(ports, call);
      const subscription = await disableSubscription(ports, before.id);
      if (subscription === undefined) throw notFound('subscription');
      const after = await view(subscription);
      return { status: 200, body: after, change: changed(await view(before), after) };
    },
    async rotateSecret(call) {
      const before = await findSubscription(ports, call);
      const rotation = await rotateSecret(ports, before.id, call.body.overlap_seconds);
      if (rotation === undefined) throw notFound('subscription');
      const after = await view(rotation.subscription);
      return {
        status: 200,
        body: { ...after, secret: rotation.secret },
        change: changed(await view(before), after),
      };
    },
    async listSigningKeys({ params }) {
      const subscription = await ports.subscriptions.find(params['id'] ?? '');
      const keys = subscription === undefined ? [] : publishedKeys(subscription, ports.clock.nowMs());
      // The same 404 for a subscription without public keys: this public route does not reveal that it exists.
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
    async previewSubscription({ body, principal }) {
      const { event: id, ...shaping } = body;
      const row = await findEventRow(ports, id);
      if (row === undefined || !mayAccess(principal, row.tenant)) throw notFound('event');
      const preview = await whileCounted(ports, principal, () => previewSubscription(ports, shaping, row));
      return {
        status: 200,
        body: {
          wanted: preview.isWanted ?? null,
          body: preview.body?.slice(0, shownBody) ?? null,
          body_bytes: preview.body === undefined ? null : Buffer.byteLength(preview.body),
          content_type: preview.contentType ?? null,
          fault: preview.fault ?? null,
        },
      };
    },
    async testSubscription(call) {
      const { simulate, type, resource } = call.body;
      const subscription = await findSubscription(ports, call);
      const fault = simulationFault(subscription, simulate);
      if (fault !== undefined) throw bodyProblem('simulate', fault);
      const result = await whileCounted(ports, call.principal, () =>
        testEndpoint(ports, prepareSubscription(subscription), { simulate, type, resource }),
      );
      return {
        status: 200,
        body: testView(simulate, result),
        change: {
          object: `subscriptions/${subscription.id}`,
          tenant: subscription.tenant,
          before: null,
          after: { simulate: simulate ?? null, passed: result.passed },
        },
      };
    },
  };
}
