import type { tenantOperations } from '../../../engine/api/operations/tenant-operations.ts';
import { describeEnded } from '../../../flows/sync/describe-run.ts';
import { describeSync } from '../../../flows/sync/describe-sync.ts';
import { startErasure } from '../../../flows/tenants/erase-tenant.ts';
import { exportTenant } from '../../../flows/tenants/export-tenant.ts';
import { certificatesOf, getTenant, listTenants, updateTenant } from '../../../flows/tenants/manage-tenant.ts';
import type { Erasure, Tenant } from '../../../ports/tenants/tenant-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { erasing } from '../pipeline/ownership.ts';
import { mayAccess, notFound } from '../pipeline/principal.ts';
import { consumerView } from '../views/consumer-view.ts';
import { deliveryView } from '../views/delivery-view.ts';
import { recordStateView } from '../views/record-state-view.ts';
import { plainSubscriptionView } from '../views/subscription-view.ts';
import { keyView } from './access.ts';
import { plainAccountView } from './accounts.ts';

const tenantPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

function erasureView({ id, state, requestedBy, startedAt, finishedAt }: Erasure) {
  return {
    id,
    state,
    requested_by: requestedBy,
    started_at: startedAt,
    finished_at: finishedAt ?? null,
  };
}

/** Modes are the operator's flags: a tenant must not grant itself the feed, nor stop the operator's callbacks. */
function mustBeOperator({ principal }: AnyCall): void {
  if (principal.tenant === null) return;
  throw new ProblemError({
    status: 403,
    detail: 'Only a key for all tenants may set "delivery" and "shadow_url".',
    extensions: { reason: 'delivery-needs-operator' },
  });
}

/** Tenants: how long the engine keeps their data, how it delivers it, its export and its erasure. */
export function tenantHandlers(ports: ApiPorts): Handlers<keyof typeof tenantOperations> {
  const view = (whole: Tenant) => {
    const { tenant, retention, delivery, erasure } = whole;
    return {
      tenant,
      retention: {
        events_days: Math.min(retention.eventsDays ?? ports.retentionDays, ports.retentionDays),
        raw_days: Math.min(retention.rawDays ?? ports.rawRetentionDays, ports.rawRetentionDays),
      },
      delivery: delivery?.mode ?? 'both',
      shadow_url: delivery?.shadowUrl ?? null,
      erasure: erasure === undefined ? null : erasureView(erasure),
      certificates: certificatesOf(whole),
    };
  };
  /** @throws {ProblemError} 404 for another tenant, and for a name that no tenant can have. */
  function nameOf({ params, principal }: AnyCall): string {
    const name = params['id'] ?? '';
    if (!tenantPattern.test(name) || !mayAccess(principal, name)) throw notFound('tenant');
    return name;
  }
  const changed = (name: string, before: unknown, after: unknown) => ({
    object: `tenants/${name}`,
    tenant: name,
    before,
    after,
  });

  return {
    async listTenants({ query, cursors }) {
      const page = await listTenants(ports, query.limit, await cursors.after());
      return { status: 200, body: { data: page.items.map(view), next_cursor: await cursors.next(page.next) } };
    },
    getTenant: async (call) => ({ status: 200, body: view(await getTenant(ports, nameOf(call))) }),
    async updateTenant(call) {
      const name = nameOf(call);
      const { retention = {}, delivery, shadow_url: shadowUrl } = call.body;
      const { events_days: eventsDays, raw_days: rawDays } = retention;
      if (delivery !== undefined || shadowUrl !== undefined) mustBeOperator(call);
      const before = view(await getTenant(ports, name));
      const update = await updateTenant(ports, name, { eventsDays, rawDays, delivery, shadowUrl });
      switch (update.kind) {
        case 'tenant-erasing':
          throw erasing();
        case 'url-refused':
          throw bodyProblem('shadow_url', `may not be called: ${update.reason}`);
        case 'no-shadow-url':
          throw bodyProblem('shadow_url', 'expected the URL of the second endpoint: the mode "shadow" needs one');
        case 'out-of-range': {
          const path = { eventsDays: 'retention.events_days', rawDays: 'retention.raw_days' }[update.setting];
          throw bodyProblem(path, `expected ${update.least} to ${update.most} days`);
        }
        case 'updated': {
          const after = view(update.tenant);
          return { status: 200, body: after, change: changed(name, before, after) };
        }
      }
    },
    async deleteTenant(call) {
      const name = nameOf(call);
      const after = erasureView(await startErasure(ports, name, call.principal.keyId));
      return { status: 202, body: after, change: changed(name, null, after) };
    },
    async exportTenant(call) {
      const name = nameOf(call);
      const nowMs = ports.clock.nowMs();
      const feed = await call.cursors.ofFeed(name);
      const page = await exportTenant(
        ports,
        {
          tenant: view,
          account: plainAccountView,
          subscription: (subscription) =>
            plainSubscriptionView(subscription, ports.endpointPolicy, ports.ownAccount.principal),
          consumer: (consumer) => consumerView(consumer, feed, nowMs),
          key: keyView,
          delivery: deliveryView,
          record: recordStateView,
          async sync(account, row) {
            const owner = { account, definition: await ports.integrations.get(account.integration) };
            return { account_id: account.id, ...(await describeSync(ports, owner, row)) };
          },
          syncRun: ({ account, sync, run }) => ({ account_id: account, sync, ...describeEnded(run) }),
        },
        name,
        { limit: call.query.limit, after: await call.cursors.after() },
      );
      if (page.kind === 'invalid-position')
        throw new ProblemError({ status: 400, detail: 'This export did not return this cursor.' });
      return { status: 200, body: { data: page.entries, next_cursor: await call.cursors.next(page.next) } };
    },
  };
}
