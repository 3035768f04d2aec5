import type { DeliveryJob, RawMessage } from '../../lambdas/contracts/messages.ts';
import { newDelivery, parked } from '../../lambdas/engine/delivery/record-attempt.ts';
import { publishEvents } from '../../lambdas/flows/publish/publish-events.ts';
import { startReplay } from '../../lambdas/flows/subscriptions/replay-events.ts';
import type { ApiKey } from '../../lambdas/ports/tenants/api-key-store.ts';
import type { FakeEngine } from './fake-engine.ts';
import { apiKey } from './in-memory-api-keys.ts';
import { someCredentials } from './in-memory-credentials.ts';
import { aFetch } from './in-memory-fetches.ts';
import { deadLetterQueueOn } from './in-memory-queue.ts';
import { waitingRequests } from './in-memory-routing.ts';
import { aSyncRow, aSyncRun } from './in-memory-syncs.ts';
import { aConsumer, anAccount, anEvent, aRecordState, aSubscription } from './samples.ts';

/** One key for each tenant. */
export function keysOf(...tenants: readonly string[]): readonly ApiKey[] {
  return tenants.map((tenant) => apiKey(`key_${tenant}`, 'secret', tenant));
}

export function aRawMessage(tenant: string, rawId: string, change: Partial<RawMessage> = {}): RawMessage {
  return {
    rawId,
    integration: 'staff',
    account: `acc_${tenant}`,
    receivedAt: '2026-11-21T12:00:00.000Z',
    request: { method: 'POST', url: '', path: '', query: '', headers: {} },
    body: { kind: 'inline', encoding: 'utf8', content: '{}' },
    ...change,
  };
}

/** The subscription that serves all tenants. */
export const everyone = aSubscription({ id: 'sub_everyone', tenant: null });

/** Give a tenant data in every store that an erasure has to search, except settings. */
export async function furnishTenant(engine: FakeEngine, tenant: string): Promise<void> {
  const account = `acc_${tenant}`;
  const company = `company of ${tenant}`;
  await engine.accounts.create(anAccount({ id: account, tenant, context: { company_id: company } }));
  await engine.credentials.replace(someCredentials({ account, tenant }));
  await engine.fetches.add(['1', '2', '3'].map((recordId) => aFetch({ account, tenant, recordId })));
  await engine.syncs.replace(aSyncRow({ account, tenant }));
  for (const place of ['crm/contacts', 'crm/companies'])
    await engine.syncs.putCursor({ account, sync: 'contacts', place }, { readAtMs: 0, edge: [] }, tenant);
  await engine.syncs.putRun(aSyncRun('run_1', { account, tenant }));
  const claims = [{ tenant, account, claimedAtMs: 0 }];
  await engine.contexts.replace('staff', company, { claims, registered: [], revision: 0 });
  const parkedBody = `_staff/raw_parked_${tenant}`;
  await engine.rawBodies.put(parkedBody, Buffer.from('{}'), 'application/octet-stream');
  const waiting = aRawMessage(tenant, `raw_parked_${tenant}`, {
    body: { kind: 'claim', key: parkedBody, sizeBytes: 9 },
  });
  await engine.parking.park('staff', [company], waiting);
  for (const n of [1, 2, 3])
    await engine.rawBodies.put(`${account}/raw_${n}`, Buffer.from('{}'), 'application/octet-stream');
  await deadLetterQueueOn(engine.rawDeadLetters).send(JSON.stringify(aRawMessage(tenant, 'raw_dead')), 'a test');

  for (const name of ['one', 'two', 'three']) await engine.consumers.create(aConsumer({ tenant, name }));
  for (const hour of ['2026-11-21T10', '2026-11-21T11', '2026-11-21T12'])
    await engine.statistics.add({ scope: tenant, integration: 'staff', hour, counts: { mapped: 1 } });
  await engine.canaries.add(
    { tenant, integration: 'staff', account, version: 'v1' },
    { compared: 2, different: 1, failed: 0 },
    [{ at: '2026-11-21T12:00:00.000Z', input: 'raw_1', published: 'current', failures: {}, events: [], more: 0 }],
  );

  const subscription = aSubscription({ id: `sub_${tenant}`, tenant });
  const removed = aSubscription({ id: `sub_removed_${tenant}`, tenant });
  for (const one of [subscription, removed, everyone]) await engine.subscriptions.create(one);
  await publishEvents(
    engine.publishPorts,
    [1, 2, 3, 4, 5].map((n) => ({
      owner: `raw_${tenant}`,
      // Every other event is too large for its row.
      event: anEvent({
        id: `evt_${tenant}_${n}`,
        tenant,
        account,
        record_id: String(n),
        data: { id: String(n), text: 'x'.repeat(n % 2 === 0 ? 10_000 : 10) },
      }),
    })),
  );
  const incarnation = (await engine.accounts.find(account))?.createdAt ?? '';
  for (const recordId of ['1', '2', '3'])
    await engine.records.write(
      { tenant, account, incarnation, resource: 'hris/employees', recordId },
      { state: undefined, lastN: 0 },
      aRecordState(),
    );
  // Written by a run that died before it wrote the row.
  await engine.payloads.put(`${tenant}/evt_orphan`, Buffer.from('{}'), 'application/json');
  const jobs = engine.deliveryQueue
    .messages()
    .map(({ body }) => JSON.parse(body) as DeliveryJob)
    .filter((job) => job.tenant === tenant);
  const deliveries = jobs.map((job) => newDelivery(job));
  await engine.deliveries.putMany([
    // One is delivered, one waits for its endpoint, and one waits for its time.
    ...deliveries.filter(({ sequence }) => sequence === 1).map((one) => ({ ...one, state: 'delivered' as const })),
    ...deliveries.filter(({ sequence }) => sequence === 2).map(parked),
    ...deliveries
      .filter(({ sequence }) => sequence > 2)
      .map((one) => ({
        ...one,
        state: 'retrying' as const,
        waitsIn: 'due-index' as const,
        nextAttemptAt: '2026-11-21T14:00:00.000Z',
      })),
    ...deliveries.map((one) => ({ ...one, subscription: removed.id, scope: tenant, state: 'cancelled' as const })),
  ]);
  await engine.subscriptions.remove(removed);
  for (const one of [subscription, everyone]) {
    const request = { tenant, mode: 'all', ratePerSecond: 50 } as const;
    await startReplay(engine.drainPorts, one, request);
    await engine.endpoints.wake({ endpoint: one.id, scope: one.tenant ?? '*' });
  }
}

/** Number of a tenant's rows by store; stores without any are omitted. */
export async function tracesOf(engine: FakeEngine, tenant: string): Promise<Readonly<Record<string, number>>> {
  const account = `acc_${tenant}`;
  const subscriptions = [`sub_${tenant}`, `sub_removed_${tenant}`];
  const shown = async (id: string) => (await engine.deliveries.list(id, 500, undefined)).items;
  const backlog = async (id: string) => engine.deliveries.listBacklog(id, 500, undefined);
  const replays = async (id: string) => (await engine.replays.list(id, 500, undefined)).items;
  const all = async <T>(read: (id: string) => Promise<readonly T[]>) =>
    (await Promise.all([...subscriptions, everyone.id].map(read))).flat();
  const due = (
    await Promise.all(
      Array.from({ length: 16 }, (_, shard) => engine.deliveries.listDue(shard, Number.MAX_SAFE_INTEGER, 500)),
    )
  ).flat();
  const states = await engine.endpoints.getMany(subscriptions.map((endpoint) => ({ endpoint, scope: tenant })));
  const letters = engine.rawDeadLetters.messages();
  const context = await engine.contexts.find('staff', `company of ${tenant}`);
  const found = {
    accounts: (await engine.accounts.list(tenant, 500, undefined)).items.length,
    credentials: (await engine.credentials.getMany([account])).length,
    fetches: engine.fetches.all().filter((one) => one.tenant === tenant).length,
    syncs: [...engine.syncs.all(), ...engine.syncs.cursors(), ...engine.syncs.runs()].filter(
      (one) => one.tenant === tenant,
    ).length,
    contexts: [...context.claims, ...context.registered].length + (context.released?.by === tenant ? 1 : 0),
    parked: (await waitingRequests(engine.parking, 'staff', `company of ${tenant}`)).length,
    rawBodies: engine.rawBodies
      .keys()
      .filter((key) => key.startsWith(`${account}/`) || key === `_staff/raw_parked_${tenant}`).length,
    deadLetters: letters.filter(({ body }) => (JSON.parse(body) as RawMessage).account === account).length,
    subscriptions: (await engine.subscriptions.list(tenant, 500, undefined)).items.length,
    deliveries: (await all(shown)).filter((one) => one.tenant === tenant).length,
    pointers: [...(await all(backlog)), ...due].filter(({ event }) => event.startsWith(`evt_${tenant}_`)).length,
    replays: (await all(replays)).filter((one) => one.tenant === tenant).length,
    endpoints: states.filter(({ wakeups, revision }) => wakeups + revision > 0).length,
    events: (await engine.events.listAfter(tenant, 0, 500)).length,
    claims: (await Promise.all([1, 2, 3, 4, 5].map((n) => engine.events.locate(`evt_${tenant}_${n}`)))).filter(
      (claim) => claim !== undefined,
    ).length,
    payloads: engine.payloads.keys().filter((key) => key.startsWith(`${tenant}/`)).length,
    consumers: (await engine.consumers.list(tenant, 500, undefined)).items.length,
    statistics: (await engine.statistics.read(tenant, '2026-11-01T00', '2026-12-01T00')).hours.length,
    apiKeys: (await engine.apiKeys.find(`key_${tenant}`)) === undefined ? 0 : 1,
  };
  return Object.fromEntries(Object.entries(found).filter(([, count]) => count > 0));
}
