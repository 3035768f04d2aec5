import { expect, test } from 'vitest';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { askForFetches } from '../../../lambdas/flows/enrich/ask-for-fetch.ts';
import { dispatchFetches } from '../../../lambdas/flows/enrich/dispatch-fetches.ts';
import { type RunFetchesPorts, runFetches } from '../../../lambdas/flows/enrich/run-fetches.ts';
import { createBudgets } from '../../../lambdas/flows/provider/budgets.ts';
import { toCaller } from '../../../lambdas/flows/provider/provider-ports.ts';
import { sealValues } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import { listRecords } from '../../../lambdas/flows/read/list-records.ts';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { createFakeProvider } from '../../fakes/fake-provider.ts';
import { createInMemoryBudgets } from '../../fakes/in-memory-budgets.ts';
import { enrichQueueOn } from '../../fakes/in-memory-queue.ts';
import { anAccount } from '../../fakes/samples.ts';
import { createVirtualTime } from '../../fakes/virtual-time.ts';
import { propertyRuns } from '../../property-runs.ts';
import { aTicket, deskWith } from './desk.ts';

/*
 * Many workers, as many functions, read for many thin events, in virtual time. The provider counts as providers do: the
 * arrivals in each window, and the calls at the same time.
 */

const resource = 'ticketing/tickets';
const { numRuns: many } = propertyRuns(1_000, 10_000);
/** Hundreds of calls that wait for one of five places look again and again. */
const { numRuns: crowd } = propertyRuns(400, 2_000);

interface Allowed {
  readonly perMinute?: number;
  readonly atOnce?: number;
}

async function prepare(definition: Definition, allowed: Allowed, accountCount = 1) {
  const engine = createFakeEngine();
  const { clock, randomness } = engine;
  const time = createVirtualTime(clock);
  const provider = createFakeProvider(clock, randomness, engine.expressions, time.pause);
  const budgets = createInMemoryBudgets();
  const seen = { arrivals: [] as number[], atOnce: 0, mostAtOnce: 0, refused: 0, versions: new Map<string, number>() };
  provider.respond(async (request) => {
    // A request takes its time to the provider, and the answer back.
    await time.pause(10 + 40 * randomness.fraction());
    const nowMs = clock.nowMs();
    const inWindow = seen.arrivals.filter((atMs) => atMs > nowMs - 60_000).length;
    seen.arrivals.push(nowMs);
    seen.atOnce += 1;
    seen.mostAtOnce = Math.max(seen.mostAtOnce, seen.atOnce);
    const isRefused = inWindow >= (allowed.perMinute ?? Number.POSITIVE_INFINITY);
    if (isRefused) seen.refused += 1;
    const answered = isRefused ? 429 : { body: bodyOf(request, seen.versions) };
    await time.pause(50 + 150 * randomness.fraction());
    seen.atOnce -= 1;
    return answered;
  });
  const accounts = Array.from({ length: accountCount }, (_, place) =>
    anAccount({
      id: `acc_${place}`,
      integration: 'desk',
      context: { subdomain: 'acme' },
      credentialKind: 'api_key',
    }),
  );
  for (const account of accounts) {
    await engine.accounts.create(account);
    await provider.ports.credentials.replace({
      account: account.id,
      tenant: account.tenant,
      incarnation: account.createdAt,
      kind: 'api_key',
      sealed: await sealValues(provider.ports, account, { kind: 'api_key', members: { key: 'k' } }),
      generation: 1,
      updatedAtMs: clock.nowMs(),
      revision: 0,
    });
  }
  /** The ports of one worker: nothing but the stores is shared. */
  const worker = (): RunFetchesPorts => ({
    ...engine.publishPorts,
    pause: time.pause,
    accounts: engine.accounts.reader(clock),
    definition: async () => definition,
    enrichQueue: enrichQueueOn(engine.enrichQueue),
    fetches: engine.fetches,
    schemas: noResources,
    provider: { ...provider.ports, budgets: createBudgets({ budgets, clock, pause: time.pause, randomness }) },
  });
  const ask = async (recordIds: readonly string[], account = accounts[0] as (typeof accounts)[number]) =>
    askForFetches(
      worker(),
      recordIds.map((recordId) => ({
        account: account.id,
        resource,
        tenant: account.tenant,
        incarnation: account.createdAt,
        integration: 'desk',
        recordId,
        address: {},
        change: 'updated' as const,
        rawEventType: 'ticket.updated',
        receivedAt: new Date(clock.nowMs()).toISOString(),
        partialData: JSON.stringify({ id: recordId }),
      })),
    );
  /** Workers take messages until the tasks have ended and no fetch waits; dispatch looks each minute. */
  const workOff = async (workers: number, tasks: readonly Promise<unknown>[] = []) => {
    let left = tasks.length;
    for (const task of tasks) void task.finally(() => (left -= 1));
    const isDone = () => left === 0 && engine.fetches.all().length === 0;
    const received: ReturnType<typeof engine.enrichQueue.receive>[number][] = [];
    const work = async () => {
      const ports = worker();
      while (!isDone()) {
        received.push(...engine.enrichQueue.receive());
        const message = received.shift();
        if (message === undefined) {
          await time.pause(100);
          continue;
        }
        await runFetches(ports, JSON.parse(message.body));
        engine.enrichQueue.remove(message.id);
      }
    };
    const dispatch = async () => {
      for (const ports = worker(); !isDone(); await time.pause(60_000)) await dispatchFetches(ports);
    };
    await time.run([...tasks, ...Array.from({ length: workers }, work), dispatch()]);
  };
  const events = async () => {
    const rows = await engine.events.listAfter('acme', 0, 50_000);
    return rows.flatMap((row) => ('sealed' in row ? [] : [{ ...row, data: JSON.parse(row.inlineData ?? '{}') }]));
  };
  return { engine, clock, time, seen, accounts, worker, ask, workOff, events };
}

/** What the provider answers: each read of a ticket tells how often it was read. */
function bodyOf({ url }: ApiRequest, versions: Map<string, number>): object {
  const { searchParams, pathname } = new URL(url);
  const ticket = (id: string) => {
    const version = (versions.get(id) ?? 0) + 1;
    versions.set(id, version);
    return aTicket(id, {
      status: `v${version}`,
      updated_at: new Date(Date.UTC(2026, 10, 21, 11) + version).toISOString(),
    });
  };
  const ids = searchParams.get('ids');
  return ids === null ? { ticket: ticket(pathname.split('/').at(-1) ?? '') } : { tickets: ids.split(',').map(ticket) };
}

const ids = (count: number) => Array.from({ length: count }, (_, id) => String(id));
const perMinute = (calls: number, scope = 'account') => ({ limits: [{ name: 'minute', calls, per: '1m', scope }] });

test(`${many} thin events on as many records are read in batches of 100, within 100 calls a minute`, async () => {
  const definition = deskWith({
    api: perMinute(100),
    tickets: { batch_get: { path: '/tickets', query: { ids: "{ids | join(',')}" }, records: 'tickets', max: 100 } },
  });
  const { seen, ask, workOff, events } = await prepare(definition, { perMinute: 100 });
  await ask(ids(many));
  await workOff(20);
  expect(seen.arrivals).toHaveLength(many / 100);
  expect(seen.refused).toBe(0);
  const published = await events();
  expect(new Set(published.map(({ record_id: id }) => id)).size).toBe(many);
  expect(published).toHaveLength(many);
  expect(published.every((event) => event.thin !== true && event.data.title !== undefined)).toBe(true);
}, 120_000);

test('of 20 accounts and workers there is never a sixth call at once where the app may make five', async () => {
  const definition = deskWith({
    api: { limits: [{ name: 'at_once', concurrent: 5, scope: 'app' }] },
    tickets: { batch_get: undefined },
  });
  const { seen, accounts, ask, workOff, events } = await prepare(definition, {}, 20);
  for (const [place, account] of accounts.entries())
    await ask(
      ids(crowd / 20).map((id) => `${place}-${id}`),
      account,
    );
  await workOff(20);
  expect(seen.mostAtOnce).toBe(5);
  expect(seen.arrivals).toHaveLength(crowd);
  expect(await events()).toHaveLength(crowd);
}, 300_000);

test(`${many} thin events on 100 records are at most two reads of each, and its last state arrives`, async () => {
  const definition = deskWith({ api: perMinute(100), tickets: { batch_get: undefined } });
  const { seen, time, ask, workOff, events } = await prepare(definition, { perMinute: 100 });
  const arrive = async () => {
    for (let sent = 0; sent < many; sent += 100) {
      await ask(ids(100));
      await time.pause(2_000 / (many / 100));
    }
  };
  await workOff(20, [arrive()]);
  expect(seen.refused).toBe(0);
  expect(Math.max(...seen.versions.values())).toBeLessThanOrEqual(2);
  const last = new Map((await events()).map((event) => [event.record_id, event.data.status]));
  expect(last).toEqual(new Map(seen.versions.entries().map(([id, version]) => [id, `v${version}`])));
}, 120_000);

test('a poller that takes its full share leaves webhooks under two seconds', async () => {
  const definition = deskWith({ api: perMinute(100), tickets: { batch_get: undefined } });
  const { seen, clock, time, accounts, worker, ask, workOff, events } = await prepare(definition, { perMinute: 100 });
  const caller = toCaller(accounts[0] as (typeof accounts)[number], definition);
  const webhooks = 200;
  const askedAt = new Map<string, number>();
  let isArriving = true;
  const poll = async () => {
    const ports = worker();
    for (let polls = 0; isArriving; polls += 1) {
      const deadlineMs = clock.nowMs() + 30_000;
      const page = await listRecords(ports.provider, caller, {
        resource,
        filters: {},
        position: undefined,
        priority: 'poll',
        deadlineMs,
        endsByMs: deadlineMs + 60_000,
      });
      if (page.kind === 'wait') await time.pause(Math.max(1, page.untilMs - clock.nowMs()));
    }
  };
  const arrive = async () => {
    for (const id of ids(webhooks)) {
      askedAt.set(id, clock.nowMs());
      await ask([id]);
      // At most 20 a minute, which is what the definition reserves for webhooks.
      await time.pause(3_000 + 2_000 * Math.abs(Math.sin(Number(id))));
    }
    isArriving = false;
  };
  const publishedAt = new Map<string, number>();
  const watch = async () => {
    while (publishedAt.size < webhooks) {
      for (const { record_id: id } of await events()) if (!publishedAt.has(id)) publishedAt.set(id, clock.nowMs());
      await time.pause(100);
    }
  };
  await workOff(4, [poll(), arrive(), watch()]);
  const waits = ids(webhooks).map((id) => (publishedAt.get(id) ?? Number.NaN) - (askedAt.get(id) ?? 0));
  waits.sort((a, b) => a - b);
  expect(seen.refused).toBe(0);
  // The poller did take its share.
  expect(seen.arrivals.length).toBeGreaterThan(3 * webhooks);
  expect(waits[Math.ceil(0.99 * webhooks) - 1]).toBeLessThan(2_000);
});
