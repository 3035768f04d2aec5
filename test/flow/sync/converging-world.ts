import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { eventId, type RecordEventType } from '../../../lambdas/engine/event/canonical-event.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import type { ApiAnswer } from '../../../lambdas/ports/provider/provider-api.ts';
import { textOfAnswer } from '../../../lib/local/simulators/provider/answers/provider-answer.ts';
import { namedFaults, survivableFaultNames } from '../../../lib/local/simulators/provider/faults/named-faults.ts';
import {
  createOfflineProvider,
  type OfflineProvider,
} from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import {
  convergingFeeds,
  feedExchanges,
  isCalm,
  isListedFirst,
  isToken,
  type Kind,
  kinds,
  tellsChanges,
  tellsEnds,
} from './converging-feeds.ts';
import { createSyncWorld } from './sync-world.ts';

/** A generator of numbers from 0 to 1 that a seed determines (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type World = Awaited<ReturnType<typeof createSyncWorld>>;

interface Row {
  readonly id: number | string;
  readonly name?: string;
  readonly updated_at?: string;
}

/** Faults that the calm kinds do without. */
const unrestful = new Set(['late-commits', 'clock-skew', 'page-drift']);
const steps = 60;

/** Play one history of a kind of cursor, let it go quiet, and compare. */
export async function converge(kind: Kind, seed: number, change: (ports: SyncPorts) => SyncPorts = (ports) => ports) {
  const random = randomOf(seed);
  const definition = convergingFeeds([kind]);
  const { resource } = kinds[kind];
  const world = await createSyncWorld(definition);
  const names = survivableFaultNames.filter((name) => !isCalm(kind) || !unrestful.has(name));
  const drawn = names.filter(() => random() < 0.5);
  const faults = namedFaults(drawn);
  const provider = await createOfflineProvider({
    definition,
    exchanges: feedExchanges([kind]),
    records: { [resource]: Math.floor(random() * 20) },
    clock: world.clock,
    seed,
    faults,
    credentials: { api_key: { key: 'k' } },
  });
  world.provider.respond(answerOf(provider) as never);
  const ports = change(world.ports);
  await world.begin();
  const late: { atMs: number; send: () => Promise<void> }[] = [];
  const removals = new Map<string, number>();
  for (let step = 0; step < steps; step += 1) {
    // Several writes between two polls, and before and after one in the same second.
    world.clock.advance(Math.floor(random() * 25_000));
    if (random() < 0.8) await write(world, provider, kind, random, late, removals);
    for (const one of late.splice(0).toSorted((a, b) => a.atMs - b.atMs))
      if (one.atMs <= world.clock.nowMs()) await one.send();
      else late.push(one);
    const dies = random() < 0.05;
    if (dies) await world.look(dying(ports, random)).catch(() => {});
    else await world.look(ports);
    if (dies && random() < 0.5) world.clock.advance(limits.pollTimeoutSeconds * 1_000);
  }
  while (late.length > 0) {
    for (const { send } of late.splice(0)) await send();
    if (late.length > 0) world.clock.advance(retryMs);
  }
  provider.setFaults({});
  // Longer than the lag, and than the pause after the last failures.
  await quiet(world, ports);
  const polled = await knownBy(world);
  // Two comparisons of all records: what the first one finds missing, the second proves.
  for (const id of ['run_first', 'run_second']) {
    await ask(world, id);
    await world.pass(2, ports);
  }
  const truth = truthOf(provider, resource);
  const untellable = isToken(kind) ? await namedAfterTheirEnds(world, removals) : new Set<string>();
  const told = new Map([...polled].filter(([id]) => truth.has(id) || !untellable.has(id)));
  return {
    // A feed that begins anew does not tell of the ends of before: a late webhook of such a record waits for a comparison.
    polled: asFarAsTold(tellsEnds(kind) && !(isToken(kind) && drawn.includes('expiring-tokens')), kind, told, truth),
    known: await knownBy(world),
    truth,
    doubled: await doubledIds(world),
    wrongEnds: await wrongEnds(world, truth),
  };
}

/**
 * Records that were gone when a feed of tokens began, and that a webhook named afterwards, which was under way so long.
 * Neither the feed nor the comparison at its begin tells of them: the next comparison does.
 */
async function namedAfterTheirEnds(world: World, removals: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
  const began = (await firstRunEnded(world)) ?? Number.POSITIVE_INFINITY;
  const late = (await world.events()).filter(
    ({ record_id: id, origin, timestamp }) =>
      origin === 'webhook' && Date.parse(timestamp) > began && (removals.get(id) ?? Number.POSITIVE_INFINITY) < began,
  );
  return new Set(late.map(({ record_id: id }) => id));
}

/** @returns Epoch milliseconds; undefined before. */
async function firstRunEnded({ ports, account }: World): Promise<number | undefined> {
  const [sync] = await ports.syncs.list(account.id);
  if (sync === undefined) throw new Error('no sync');
  const { items } = await ports.syncs.listRuns({ account: sync.account, sync: sync.sync }, 1_000, undefined);
  const ends = items.map(({ run }) => Date.parse(run.endedAt ?? '')).filter((atMs) => !Number.isNaN(atMs));
  return ends.length === 0 ? undefined : Math.min(...ends);
}

async function quiet(world: World, ports: SyncPorts): Promise<void> {
  const [{ sync } = { sync: '' }] = await world.ports.syncs.list(world.account.id);
  for (let round = 0; round < 30; round += 1) {
    world.clock.advance(round < 2 ? 60_000 : 600_000);
    await world.pass(1, ports);
    const { state } = await world.row(sync);
    if (round >= 3 && state.failures === 0 && state.current === undefined && state.stop === undefined) return;
  }
  throw new Error('the sync does not become quiet');
}

async function ask(world: World, id: string): Promise<void> {
  const [row] = await world.ports.syncs.list(world.account.id);
  if (row === undefined) throw new Error('no sync');
  const wanted = [{ id, mode: 'reconcile' as const }];
  await world.ports.syncs.replace({ ...row, state: { ...row.state, wanted }, dueAtMs: world.clock.nowMs() });
}

/** What polls alone must have told: every record as it is, and for some kinds every end. */
function asFarAsTold(
  hasEnds: boolean,
  kind: Kind,
  known: ReadonlyMap<string, unknown>,
  truth: ReadonlyMap<string, unknown>,
) {
  if (!tellsChanges(kind)) return truth;
  return hasEnds ? known : new Map([...known].filter(([id]) => truth.has(id)));
}

function answerOf(provider: OfflineProvider) {
  return async ({
    method,
    url,
    headers,
    body,
  }: {
    method: string;
    url: string;
    headers: Readonly<Record<string, string>>;
    body?: string;
  }) => {
    const { answer } = await provider.serve({ method, url, headers, text: body ?? '' });
    if (answer === 'dropped' || answer === undefined) return new Error('no answer');
    return { status: answer.status, headers: answer.headers, body: textOfAnswer(answer) } satisfies
      | Partial<ApiAnswer>
      | object;
  };
}

/** A function that dies, or one of whose calls fails. */
function dying(ports: SyncPorts, random: () => number): SyncPorts {
  const fault = {
    at: 1 + Math.floor(random() * 40),
    moment: random() < 0.5 ? 'before its effect' : 'after its effect',
    kind: random() < 0.7 ? 'crash' : 'error',
  } as const;
  const { api, ...provider } = ports.provider;
  const struck = injectFault({ ...ports, api }, fault);
  const { api: struckApi, ...rest } = struck.ports;
  return { ...rest, provider: { ...provider, api: struckApi } };
}

/** One write at the provider, and what becomes of its webhook. */
async function write(
  world: World,
  provider: OfflineProvider,
  kind: Kind,
  random: () => number,
  late: { atMs: number; send: () => Promise<void> }[],
  removals: Map<string, number>,
): Promise<void> {
  const { resource } = kinds[kind];
  const records = provider.records(resource).filter(({ raw }) => (raw as { state?: string }).state !== 'deleted');
  const draw = random();
  const chosen = records[Math.floor(random() * records.length)];
  const name = `name ${Math.floor(random() * 1_000)}`;
  if (draw < 0.35 || chosen === undefined) {
    const { raw } = await provider.add(resource, { name });
    return tell(world, resource, 'created', raw as Row, random, late);
  }
  if (draw < 0.8) {
    const { raw } = await provider.change(resource, chosen.id, { name });
    return tell(world, resource, 'updated', raw as Row, random, late);
  }
  // Pages by number drift when a record goes between two of them: only a comparison finds what slipped by a first listing.
  if (isListedFirst(kind) && (await firstRunEnded(world)) === undefined) return;
  await provider.remove(resource, chosen.id);
  removals.set(chosen.id, world.clock.nowMs());
  return tell(world, resource, 'deleted', chosen.raw as Row, random, late);
}

/** A webhook is lost, comes at once, twice, or late. */
async function tell(
  world: World,
  resource: string,
  verb: 'created' | 'updated' | 'deleted',
  row: Row,
  random: () => number,
  late: { atMs: number; send: () => Promise<void> }[],
): Promise<void> {
  const fate = random();
  if (fate < 0.5) return;
  const name = `delivery ${random()}`;
  const send = async () => {
    if (!(await webhook(world, resource, verb, row, name))) late.push({ atMs: world.clock.nowMs() + retryMs, send });
  };
  if (fate < 0.7) await send();
  else if (fate < 0.8) {
    await send();
    await send();
  } else late.push({ atMs: world.clock.nowMs() + random() * 600_000, send });
}

/** A message that failed comes again; a function that died no longer writes its event then. */
const retryMs = limits.sequenceHoleLifetimeMs + 1_000;

/** @returns Whether it is done. */
async function webhook(
  { ports, account, clock }: World,
  resource: string,
  verb: 'created' | 'updated' | 'deleted',
  { id, name, updated_at: version }: Row,
  delivery: string,
): Promise<boolean> {
  const recordId = String(id);
  const type: RecordEventType = `record:${verb}`;
  const isEnd = verb === 'deleted';
  const identity = { tenant: account.tenant, account: account.id, resource, recordId, type, change: delivery };
  const [publication] = await publishEvents(ports, [
    {
      event: {
        id: eventId(identity),
        type,
        timestamp: new Date(clock.nowMs()).toISOString(),
        tenant: account.tenant,
        account: account.id,
        integration: account.integration,
        resource,
        record_id: recordId,
        origin: 'webhook',
        raw_event_type: verb,
        schema_version: '1.0.0',
        data: isEnd ? { id: recordId } : { id: recordId, name, updated_at: version },
      },
      owner: delivery,
      record: {
        incarnation: account.createdAt,
        traits: { versionKind: 'time', volatile: [] },
        by: 'webhook',
        change: verb,
        // The end of a record has no version of its own.
        version: isEnd ? undefined : version,
        changeName: delivery,
        seenAtMs: clock.nowMs(),
      },
    },
  ]);
  if (publication?.kind !== 'failed') return true;
  if (publication.error instanceof EngineError && publication.error.code === 'contended') return false;
  throw publication.error;
}

/** What a subscriber knows that applies each event in its order. */
async function knownBy({ events }: World): Promise<ReadonlyMap<string, unknown>> {
  const known = new Map<string, unknown>();
  for (const { type, record_id: id, data } of await events())
    if (type === 'record:deleted') known.delete(id);
    else if (type === 'record:created' || type === 'record:updated') known.set(id, data);
  return new Map([...known].sort(([one], [other]) => one.localeCompare(other)));
}

function truthOf(provider: OfflineProvider, resource: string): ReadonlyMap<string, unknown> {
  const rows = provider
    .records(resource)
    .map(({ raw }) => raw as Row & { state?: string })
    .filter(({ state }) => state !== 'deleted');
  return new Map(
    rows
      .map(({ id, name, updated_at: at }) => [String(id), { id: String(id), name, updated_at: at }] as const)
      .sort(([one], [other]) => one.localeCompare(other)),
  );
}

/** Records that the provider has, and that were told to be deleted. */
async function wrongEnds({ events }: World, truth: ReadonlyMap<string, unknown>): Promise<readonly string[]> {
  const ends = (await events()).filter(({ type }) => type === 'record:deleted');
  return ends.map(({ record_id: id }) => id).filter((id) => truth.has(id));
}

async function doubledIds({ events }: World): Promise<readonly string[]> {
  const contents = new Map<string, string>();
  const doubled: string[] = [];
  for (const { id, type, data } of await events()) {
    const content = JSON.stringify([type, data]);
    if (contents.has(id) && contents.get(id) !== content) doubled.push(id);
    contents.set(id, content);
  }
  return doubled;
}
