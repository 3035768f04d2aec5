import { createSimulatedApi } from '../../../lib/cli/provider/converge/simulated-api.ts';
import { createOfflineProvider } from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { convergingFeeds, feedExchanges, type Kind, kinds } from '../../flow/sync/converging-feeds.ts';
import { createSyncWorld, shopWith } from '../../flow/sync/sync-world.ts';

/** Kinds of cursors whose sync makes one call where nothing changed. */
const quietKinds: readonly Kind[] = ['time by pages', 'token', 'rising id'];

export interface QuietRuns {
  readonly runs: number;
  readonly calls: number;
  /** Writes of the states of records. */
  readonly recordWrites: number;
  readonly events: number;
  /** CPU of a run in this process, in milliseconds. */
  readonly cpuMs: number;
}

/** Syncs of one resource each, with the usual kinds of cursors, while the provider changes nothing. */
export async function countQuietRuns(minutes = 60): Promise<QuietRuns> {
  const definition = convergingFeeds(quietKinds);
  const world = await createSyncWorld(definition);
  const { clock, ports: own } = world;
  const records = Object.fromEntries(quietKinds.map((kind) => [kinds[kind].resource, 20]));
  const exchanges = feedExchanges(quietKinds);
  const credentials = { api_key: { key: 'k' } };
  const provider = await createOfflineProvider({ definition, exchanges, records, clock, credentials });
  let recordWrites = 0;
  const write: typeof own.records.write = (...row) => {
    recordWrites += 1;
    return own.records.write(...row);
  };
  const ports = {
    ...own,
    records: { ...own.records, write },
    provider: { ...own.provider, api: createSimulatedApi(provider) },
  };
  await world.begin();
  // The first runs read everything; then rows that may come late are read again for a while.
  await world.pass(5, ports);
  const known = (await world.events()).length;
  if (known !== quietKinds.length * 20) throw new Error(`${known} records were found`);
  const before = callsOf(provider);
  recordWrites = 0;
  const cpu = process.cpuUsage();
  const reports = await world.pass(minutes, ports);
  const { user, system } = process.cpuUsage(cpu);
  return {
    runs: reports.length,
    calls: callsOf(provider) - before,
    recordWrites,
    events: (await world.events()).length - known,
    cpuMs: (user + system) / 1_000 / reports.length,
  };
}

const callsOf = (provider: Awaited<ReturnType<typeof createOfflineProvider>>) =>
  Object.values(provider.stats().calls).reduce((sum, calls) => sum + calls, 0);

export interface Fetched {
  readonly calls: number;
  /** Rows that the provider gave. */
  readonly rows: number;
  readonly events: number;
  /** CPU of the run in this process, in milliseconds. */
  readonly cpuMs: number;
}

const pageRows = 100;
const everyMs = 300_000;

/** A first run, which fetches every record, and the run after some of them have changed. */
export async function countChanged(
  total: number,
  changed: number,
): Promise<{ readonly complete: Fetched; readonly incremental: Fetched }> {
  const page = { number: { to: 'query.page' }, size: pageRows, size_to: 'query.size', order: 'asc' };
  const world = await createSyncWorld(
    shopWith({
      things: { changes: { path: '/things', query: { since: '{since | iso}' }, records: 'rows', page } },
      syncs: { products: { resource: 'commerce/products', every: `${everyMs / 60_000}m`, reconcile: 'off' } },
    }),
  );
  const shop = largeShop(total, world.clock.nowMs());
  world.provider.respond(({ url }) => ({ body: { rows: shop.answer(new URL(url).searchParams) } }));
  let known = 0;
  const fetch = async (act: () => Promise<unknown>): Promise<Fetched> => {
    const [calls, rows] = [world.provider.requests.length, shop.rows()];
    const cpu = process.cpuUsage();
    await act();
    const { user, system } = process.cpuUsage(cpu);
    const all = await world.engine.events.listAfter(world.account.tenant, 0, total + changed + 1);
    const events = all.length - known;
    known = all.length;
    return {
      calls: world.provider.requests.length - calls,
      rows: shop.rows() - rows,
      events,
      cpuMs: (user + system) / 1_000,
    };
  };
  await world.begin();
  const complete = await fetch(() => world.workOff());
  world.clock.advance(everyMs);
  shop.change(changed, world.clock.nowMs());
  world.clock.advance(everyMs);
  return { complete, incremental: await fetch(() => world.look()) };
}

/** Many records in the order of their changes, of which a request gets those from a time on. */
function largeShop(total: number, nowMs: number) {
  const things = Array.from({ length: total }, (_, id) => ({ id, atMs: nowMs - (total - id) * 1_000, changes: 0 }));
  let rows = 0;
  return {
    rows: () => rows,
    answer(query: URLSearchParams) {
      const sinceMs = Date.parse(query.get('since') ?? '1970-01-01T00:00:00Z');
      const first = things.findIndex(({ atMs }) => atMs >= sinceMs);
      const from = (first < 0 ? total : first) + (Number(query.get('page') ?? 1) - 1) * pageRows;
      const page = things.slice(from, from + pageRows);
      rows += page.length;
      return page.map(({ id, atMs, changes }) => ({
        id,
        title: `thing ${id} after ${changes} changes`,
        changed: new Date(atMs).toISOString(),
      }));
    },
    /** Change records that are spread over all of them, one second after the other. */
    change(count: number, atMs: number): void {
      const step = Math.floor(total / count);
      for (let place = 0; place < count; place += 1) {
        const index = things.findIndex(({ id }) => id === place * step);
        const [thing] = things.splice(index, 1);
        if (thing !== undefined) things.push({ id: thing.id, atMs: atMs + place * 1_000, changes: thing.changes + 1 });
      }
    },
  };
}
