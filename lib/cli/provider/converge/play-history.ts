import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { PreparedResources } from '../../../../lambdas/engine/mapping/check-resource.ts';
import type { SyncStep } from '../../../../lambdas/engine/provider/language/sync-schema.ts';
import { declaredJob } from '../../../../lambdas/engine/sync/sync-job.ts';
import type { Exchanges } from '../../../definitions/exchanges.ts';
import { fractionOf } from '../../../local/simulators/provider/draw-fault.ts';
import type { FaultName } from '../../../local/simulators/provider/faults/named-faults.ts';
import { createOfflineProvider, type OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';
import type { ProviderRecords } from '../../../local/simulators/provider/records/provider-records.ts';
import { createRandomChanges } from '../../../local/simulators/provider/records/random-changes.ts';
import { createDrivenClock, type DrivenClock } from './driven-clock.ts';
import { toldByPolls, toldInTheEnd } from './expected-events.ts';
import { type Expected, findMissed, knownBy, type Missed, truthOf } from './find-missed.ts';
import { emptyList, polledContext } from './polled-context.ts';
import { createSimulatedEngine, type SimulatedEngine } from './simulated-engine.ts';
import { withSmallPages } from './small-pages.ts';
import { boundedFaults, declaredLagMs, declaredStepMs } from './survivable-faults.ts';

export interface HistoryOptions {
  readonly definition: Definition;
  readonly exchanges: readonly Exchanges[];
  readonly schemas: PreparedResources;
  readonly sync: string;
  readonly seed: number;
  /** Half of them come, as the seed has it. */
  readonly faults: readonly FaultName[];
}

export interface History {
  readonly seed: number;
  readonly faults: readonly FaultName[];
  /** What polls alone have not told, though the definition says that they can. */
  readonly byPolls: readonly Missed[];
  /** What is still not told when all records have been compared. */
  readonly missed: readonly Missed[];
  /** Resources whose records the simulator shows only within others, so that nothing can be said of them. */
  readonly unjudged: readonly string[];
  /** Calls of the provider by resource. */
  readonly calls: Readonly<Record<string, number>>;
  /** Why the sync never became quiet. */
  readonly failure?: string | undefined;
}

/** A day in the past of every definition's exchanges: histories do not depend on the day on which they are played. */
const startMs = Date.parse('2026-11-21T12:00:00.000Z');
const steps = 60;
const longestPauseMs = 25_000;
const mostRecords = 20;
const quietRounds = 60;

/** Write at random while a sync polls, let it go quiet, and compare. */
export async function playHistory(options: HistoryOptions): Promise<History> {
  const { seed, sync } = options;
  const definition = withSmallPages(options.definition);
  const random = randomOf(`${seed} ${sync}`);
  const syncSteps = declaredJob(definition, sync)?.resources ?? [];
  const parents = new Set(syncSteps.flatMap(({ depends_on: parent }) => parent ?? []));
  // What depends on a record that is gone, nothing reads: the records on which others depend stay.
  const possible = options.faults.filter((name) => parents.size === 0 || name !== 'page-drift');
  const faults = possible.filter(() => random() < 0.5);
  const clock = createDrivenClock(startMs);
  const resources = [...new Set(syncSteps.map(({ resource }) => resource))];
  const provider = await startProvider({ ...options, definition }, syncSteps, faults, clock, random);
  const context = polledContext(provider, syncSteps);
  const nothing = emptyList(context, syncSteps);
  if (nothing !== undefined) return failed(seed, faults, `the exchanges have no value of ${nothing}`);
  const engine = await createSimulatedEngine({ ...options, definition, context, provider, clock, random });
  await disturb(engine, keeping(provider, parents), clock, resources, random);
  provider.setFaults({});
  const compare = (of: (step: SyncStep) => Expected) =>
    missedOf({ ...options, definition }, syncSteps.filter(isJudged), engine, provider, of);
  const isJudged = ({ resource }: Pick<SyncStep, 'resource'>) =>
    Object.keys(provider.stats().calls).some((name) => name.startsWith(`${declaringOf(definition, resource)}.`));
  const first = await becomeQuiet(engine, clock);
  const byPolls = first === undefined ? await compare((step) => toldByPolls(definition, step)) : [];
  const failure = first ?? (await compareAll(engine, clock)) ?? (await touchAll(engine, provider, clock, parents));
  const missed = failure === undefined ? await compare((step) => toldInTheEnd(definition, step, faults)) : [];
  const unjudged = resources.filter((resource) => !isJudged({ resource }));
  const reason = failure && [failure, ...unanswered(provider, resources)].join('; ');
  return { ...failed(seed, faults, reason), byPolls, missed, unjudged, calls: callsOf(provider) };
}

/** Calls that the simulator cannot answer: a run that makes them ends there. */
function unanswered({ unserved }: OfflineProvider, resources: readonly string[]): readonly string[] {
  return unserved
    .filter(({ name }) => resources.some((resource) => name.startsWith(`${resource}.`)))
    .map(({ name, reason }) => `the simulator does not answer ${name}: ${reason}`);
}

function failed(seed: number, faults: readonly FaultName[], failure: string | undefined): History {
  return {
    seed,
    faults,
    byPolls: [],
    missed: [],
    unjudged: [],
    calls: {},
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The resource that has the calls of another one. */
function declaringOf({ resources }: Definition, resource: string): string {
  return resources?.[resource]?.from ?? resource;
}

function startProvider(
  { definition, exchanges, seed }: HistoryOptions,
  syncSteps: readonly SyncStep[],
  faults: readonly FaultName[],
  clock: DrivenClock,
  random: () => number,
): Promise<OfflineProvider> {
  return createOfflineProvider({
    definition,
    exchanges,
    records: Object.fromEntries(
      syncSteps.map(({ resource }) => [declaringOf(definition, resource), 1 + Math.floor(random() * mostRecords)]),
    ),
    clock,
    seed,
    faults: boundedFaults(faults, declaredLagMs(definition, syncSteps), declaredStepMs(definition, syncSteps)),
  });
}

/** A generator of numbers from 0 to 1 that a text determines. */
function randomOf(text: string): () => number {
  let drawn = 0;
  return () => {
    drawn += 1;
    return fractionOf(`${text} ${drawn}`);
  };
}

async function disturb(
  engine: SimulatedEngine,
  provider: ProviderRecords,
  clock: DrivenClock,
  resources: readonly string[],
  random: () => number,
): Promise<void> {
  const changes = createRandomChanges(provider, { resources, seed: String(random()) });
  for (let step = 0; step < steps; step += 1) {
    // Several writes between two polls, and before and after one in the same second.
    clock.advance(Math.floor(random() * longestPauseMs));
    for (let writes = Math.floor(random() * 3); writes > 0; writes -= 1) await changes.next();
    await engine.look();
  }
}

/** Poll until nothing waits. @returns Why it does not come to that. */
async function becomeQuiet(engine: SimulatedEngine, clock: DrivenClock): Promise<string | undefined> {
  for (let round = 0; round < quietRounds; round += 1) {
    // First as often as it polls, then past the longest pauses after failures.
    clock.advance(round < 4 ? 60_000 : 600_000);
    await engine.look();
    const { state } = await engine.row();
    const isQuiet = state.failures === 0 && state.current === undefined && state.stop === undefined;
    if (round >= 4 && isQuiet && state.wanted.length === 0) return undefined;
  }
  const { lastRun, stop } = (await engine.row()).state;
  return lastRun?.reason ?? stop?.reason ?? 'its run does not end';
}

/** What the first comparison of all records finds missing, the second one proves. */
async function compareAll(engine: SimulatedEngine, clock: DrivenClock): Promise<string | undefined> {
  for (const id of ['run_first', 'run_second']) {
    await engine.reconcile(id);
    const failure = await becomeQuiet(engine, clock);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** The same records, of which some resources lose none. */
function keeping(records: ProviderRecords, kept: ReadonlySet<string>): ProviderRecords {
  return {
    records: (resource) => records.records(resource),
    add: (resource, change) => records.add(resource, change),
    change: (resource, id, change) => records.change(resource, id, change),
    async remove(resource, id) {
      if (kept.has(resource)) await records.change(resource, id);
      else await records.remove(resource, id);
    },
  };
}

/** Records that depend on others are read with those that have changed. */
async function touchAll(
  engine: SimulatedEngine,
  provider: OfflineProvider,
  clock: DrivenClock,
  resources: ReadonlySet<string>,
): Promise<string | undefined> {
  if (resources.size === 0) return undefined;
  for (const resource of resources)
    for (const { id } of provider.records(resource)) {
      clock.advance(1_000);
      await provider.change(resource, id);
    }
  return becomeQuiet(engine, clock);
}

async function missedOf(
  options: HistoryOptions,
  syncSteps: readonly SyncStep[],
  engine: SimulatedEngine,
  provider: OfflineProvider,
  of: (step: SyncStep) => Expected,
): Promise<readonly Missed[]> {
  const events = engine.events();
  const missed = await Promise.all(
    syncSteps.map(async (step) => {
      const { resource } = step;
      const truth = await truthOf(options.definition, provider, step);
      return findMissed(options, resource, knownBy(events, resource), truth, of(step));
    }),
  );
  return missed.flat();
}

function callsOf(provider: OfflineProvider): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [name, calls] of Object.entries(provider.stats().calls)) {
    const resource = name.replace(/\.[a-z_]+$/, '');
    sums[resource] = (sums[resource] ?? 0) + calls;
  }
  return sums;
}
