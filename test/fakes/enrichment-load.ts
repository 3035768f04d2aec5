import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../lambdas/engine/mapping/check-resource.ts';
import { askForFetches } from '../../lambdas/flows/enrich/ask-for-fetch.ts';
import { dispatchFetches } from '../../lambdas/flows/enrich/dispatch-fetches.ts';
import { type RunFetchesPorts, runFetches } from '../../lambdas/flows/enrich/run-fetches.ts';
import { createBudgets } from '../../lambdas/flows/provider/budgets.ts';
import { sealValues } from '../../lambdas/flows/provider/sealed-credentials.ts';
import type { ApiRequest } from '../../lambdas/ports/provider/provider-api.ts';
import { aTicket } from '../flow/provider/desk.ts';
import { createFakeEngine } from './fake-engine.ts';
import { createFakeProvider } from './fake-provider.ts';
import { createInMemoryBudgets } from './in-memory-budgets.ts';
import { enrichQueueOn } from './in-memory-queue.ts';
import { anAccount } from './samples.ts';
import { createVirtualTime } from './virtual-time.ts';

const resource = 'ticketing/tickets';

/** What the provider allows; more is answered with 429. */
export interface Allowed {
  readonly perMinute?: number;
  readonly atOnce?: number;
}

/** Workers, each as a function of its own, that read for thin events in virtual time, and their provider. */
export async function createEnrichmentLoad(definition: Definition, allowed: Allowed, accountCount = 1) {
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
