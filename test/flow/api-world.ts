import type { OperationShape } from '../../lambdas/engine/api/operation.ts';
import { providerOperations } from '../../lambdas/engine/api/operations/provider-operations.ts';
import { syncOperations } from '../../lambdas/engine/api/operations/sync-operations.ts';
import { type OperationId, operations } from '../../lambdas/engine/api/operations.ts';
import { deliveryOf } from '../../lambdas/flows/deliver/drain/follow-ordered-feed.ts';
import { storeClient } from '../../lambdas/flows/provider/sealed-credentials.ts';
import { publishEvents } from '../../lambdas/flows/publish/publish-events.ts';
import type { Account } from '../../lambdas/ports/accounts/account-store.ts';
import { createFakeApi, type FakeApi, type FakeApiOptions } from '../fakes/fake-api.ts';
import { aRawMessage } from '../fakes/furnish-tenant.ts';
import { anEvent, aRecordState } from '../fakes/samples.ts';
import { aTicket, desk } from './provider/desk.ts';

/** The owner of an archived request, with its key. */
async function sealedFor({ accounts }: FakeApi['engine'], account: Account) {
  const key = await accounts.archiveKeys.keyOf(account);
  return { account: account.id, createdAt: account.createdAt, key: key ?? '' };
}

/** A call of an operation. */
export interface OperationRequest {
  readonly path: string;
  readonly body: unknown;
}

/** An API in which the tenant acme has one object of each kind. */
export interface ApiWorld {
  readonly api: FakeApi;
  /** A valid request of an operation about acme's objects. */
  readonly request: (id: OperationId) => OperationRequest;
}

const query = (id: OperationId): Readonly<Record<string, string>> => {
  const { example }: OperationShape = operations[id];
  return example.query ?? {};
};

export async function createApiWorld(options: FakeApiOptions = {}): Promise<ApiWorld> {
  const api = createFakeApi({ definitions: [desk], ...options });
  api.provider.respond(({ url }) =>
    url.endsWith('/me') ? { body: { ok: true } } : { body: { ticket: aTicket(7), tickets: [aTicket(7)] } },
  );
  const { engine } = api;
  const made = async (path: string, body: unknown) => {
    const answer = await api.call('POST', path, body);
    if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const account = await made('/v1/accounts', { id: 'acc_acme', tenant: 'acme', integration: 'staff' });
  await engine.records.write(
    {
      tenant: 'acme',
      account: 'acc_acme',
      incarnation: account.created_at,
      resource: 'hris/employees',
      recordId: '123',
    },
    { state: undefined, lastN: 0 },
    aRecordState(),
  );
  await storeClient(api.provider.ports, 'desk', { clientId: 'client', clientSecret: 'secret' }, engine.clock.nowMs());
  await made('/v1/accounts', {
    id: 'acc_desk',
    tenant: 'acme',
    integration: 'desk',
    context: { subdomain: 'acme' },
    credentials: { type: 'api_key', key: 'a key' },
  });
  const job = { resources: [{ resource: 'ticketing/tickets', method: 'list' }] };
  await made('/v1/accounts/acc_desk/syncs', { id: 'tickets', ...job });
  const { run } = await made('/v1/accounts/acc_desk/syncs/tickets/run', {});
  const url = 'https://app.example.com/hooks';
  await made('/v1/subscriptions', { id: 'sub_acme', tenant: 'acme', url, signatures: ['v1', 'v1a'] });
  await publishEvents(engine.publishPorts, [
    { owner: 'raw_1', event: anEvent({ id: 'evt_1' }) },
    { owner: 'raw_1', event: anEvent({ id: 'evt_2', record_id: '124' }) },
  ]);
  const [row] = await engine.events.getMany([{ tenant: 'acme', sequence: 1 }]);
  const subscription = await engine.subscriptions.find('sub_acme');
  if (row === undefined || subscription === undefined) throw new Error('no event was published');
  await engine.deliveries.putMany([{ ...deliveryOf(subscription, row), state: 'retrying', waitsIn: 'backlog' }]);
  const deliveries = await api.call('GET', '/v1/subscriptions/sub_acme/deliveries');
  const replay = await made('/v1/subscriptions/sub_acme/replay', { mode: 'all' });
  await made('/v1/consumers', { name: 'warehouse', tenant: 'acme', since: 'beginning' });
  const lease = await made('/v1/consumers/warehouse/lease?tenant=acme', { limit: 1 });
  const key = await made('/v1/keys', { name: 'a key of acme', tenant: 'acme', scopes: ['events:read'] });

  const portal = { tenant: 'acme', scopes: ['events:read'], return_url: 'https://app.example.com/back' };
  const session = await made('/v1/portal-sessions', portal);
  const owner = await engine.accounts.find('acc_acme');
  if (owner === undefined) throw new Error('acme has no account');
  await engine.archive.put(
    [
      {
        message: aRawMessage('acme', 'raw_1'),
        owners: [await sealedFor(engine, owner)],
      },
    ],
    undefined,
  );

  const params: Readonly<Record<string, string>> = {
    '/v1/accounts/{id}': 'acc_acme',
    '/v1/subscriptions/{id}': 'sub_acme',
    '/v1/deliveries/{id}': deliveries.body.data[0].id,
    '/v1/events/{id}': 'evt_1',
    '/v1/consumers/{name}': 'warehouse',
    '/v1/keys/{id}': key.id,
    '/v1/portal-sessions/{id}': session.id,
    '/v1/tenants/{id}': 'acme',
    '/v1/integrations/{integration}': 'shared',
  };
  const bodies: Partial<Record<OperationId, unknown>> = {
    createSubscription: { tenant: 'acme', url },
    createAccount: { tenant: 'acme', integration: 'staff' },
    createConsumer: { name: 'another', tenant: 'acme' },
    createSync: job,
    commitConsumer: { lease: lease.lease, cursor: lease.next_cursor },
    leaseConsumer: { lease: lease.lease },
    createToken: { grant_type: 'client_credentials' },
    createPortalSession: portal,
    openPortalSession: { code: new URL(session.url).hash.slice('#code='.length) },
    previewSubscription: { event: 'evt_1', filter: 'true' },
  };
  const queries: Partial<Record<OperationId, Readonly<Record<string, string>>>> = {
    readFeed: { tenant: 'acme' },
    listAudit: { tenant: 'acme' },
    getStatistics: { tenant: 'acme' },
    listConsumers: { tenant: 'acme' },
    getDeliveryRequest: {},
  };

  return {
    api,
    request(id) {
      const shape: OperationShape = operations[id];
      const [begin = ''] = /^\/v1\/[^/]+(\/\{\w+\})?/.exec(shape.path) ?? [];
      const isOfDesk = id in providerOperations || id in syncOperations;
      const named = isOfDesk ? 'acc_desk' : params[begin];
      const resource = isOfDesk ? 'ticketing/tickets' : 'hris/employees';
      const path = shape.path
        .replace(/\{replay\}/, replay.id)
        .replace(/\{sync\}/, 'tickets')
        .replace(/\{run\}/, run)
        .replace(/\{model\}\/\{plural\}/, resource)
        .replace(/\{record_id\}/, isOfDesk ? '7' : '123')
        .replace(/\{path\}/, 'tickets/7')
        .replace(/\{\w+\}/, named ?? 'nothing');
      const ofTenant = shape.path.includes('{name}') ? { tenant: 'acme' } : {};
      const search = new URLSearchParams({ ...(queries[id] ?? query(id)), ...ofTenant }).toString();
      return {
        path: `${path}${search === '' ? '' : `?${search}`}`,
        body: id in bodies ? bodies[id] : shape.example.body,
      };
    },
  };
}
