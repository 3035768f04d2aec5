import { limits } from '../../../lambdas/contracts/limits.ts';
import type { UnsequencedEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import { fingerprintOf } from '../../../lambdas/engine/records/fingerprint.ts';
import type { RecordTraits } from '../../../lambdas/engine/records/observation.ts';
import type { Candidate, Publication, PublishPorts, RecordInput } from '../../../lambdas/flows/publish/publication.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { EventClaim, EventKey, EventRow } from '../../../lambdas/ports/events/event-store.ts';
import type { RecordKey } from '../../../lambdas/ports/events/record-states.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';

/*
 * A provider whose records change, and the engine that learns of it: by webhooks that come late, doubled, out of order,
 * partial or not at all, and by reads at any moment. Several writers publish at the same time, and any call may be the
 * last before a crash.
 */

const tenant = 'acme';
const account = 'acc_model';
const incarnation = '2026-01-01T00:00:00.000Z';
const resource = 'ticketing/tickets';
const volatile = ['seen'];

type Chance = ReturnType<typeof createChance>;

function createChance(seed: string) {
  const randomness = createSeededRandomness(seed);
  const below = (count: number) => Math.floor(randomness.fraction() * count);
  return {
    below,
    isTrue: (probability: number) => randomness.fraction() < probability,
    oneOf: <T>(list: readonly T[]): T => list[below(list.length)] as T,
  };
}

/** How the provider orders its changes. */
export interface Provider {
  readonly order: 'version' | 'counter' | 'time' | 'receipt';
  /** Milliseconds; 1,000 where it writes seconds. */
  readonly precisionMs: number;
  /** Whether some webhooks say no more than which record has changed. */
  readonly isThin: boolean;
  /** Whether some webhooks lack the version, deletions above all. */
  readonly isForgetful: boolean;
}

interface Snapshot {
  readonly atMs: number;
  readonly version: string;
  readonly isDeleted: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Change extends Snapshot {
  readonly recordId: string;
  readonly verb: 'created' | 'updated' | 'deleted';
  readonly name: string;
}

/** An input on its way: a webhook or a read of one record. */
interface Input {
  readonly owner: string;
  readonly candidate: Candidate;
  /** When it may be given to a writer. */
  readonly dueMs: number;
  tries: number;
}

export interface History {
  readonly seed: string;
  readonly provider: Provider;
  /** What the provider holds at the end; by record. */
  readonly last: ReadonlyMap<string, Snapshot>;
  readonly events: readonly (EventRow & { readonly data: Readonly<Record<string, unknown>> })[];
  readonly outcomes: ReadonlyMap<string, number>;
  /** Whether no writer died or failed. */
  readonly isCalm: boolean;
}

/** Play one history to its rest. */
export async function playHistory(seed: string): Promise<History> {
  const chance = createChance(seed);
  const engine = createFakeEngine();
  const provider: Provider = {
    order: chance.oneOf(['version', 'version', 'counter', 'time', 'receipt'] as const),
    precisionMs: chance.oneOf([1, 1, 1_000]),
    isThin: chance.isTrue(0.3),
    isForgetful: chance.isTrue(0.3),
  };
  const startMs = engine.clock.nowMs();
  const changes = changesOf(chance, provider, startMs);
  const inputs = [...webhooksOf(chance, provider, changes), ...readsOf(chance, provider, changes, startMs)];
  const outcomes = new Map<string, number>();
  // Half of the histories have no fault, and must be exact.
  const isCalm = chance.isTrue(0.5);
  // A function that is killed at the last receive of its message cannot say so. Only another input helps then.
  const loses = !isCalm && !mustConvergeByWebhooks(provider) && chance.isTrue(0.3);
  await publishAll(chance, engine, inputs, outcomes, { isCalm, loses });
  // Reconciliation reads every record at the end, unless webhooks alone must do.
  if (!mustConvergeByWebhooks(provider)) {
    engine.clock.advance(120_000);
    const nowMs = engine.clock.nowMs();
    const finals = [...lastOf(changes)].map(([recordId, snapshot], index) =>
      readOf(provider, recordId, snapshot, nowMs, `final ${index}`, true),
    );
    await publishAll(chance, engine, finals, outcomes, { isCalm, loses: false });
  }
  engine.clock.advance(limits.sequenceHoleLifetimeMs + 1_000);
  const rows = await engine.events.listAfter(tenant, 0, 10_000);
  return {
    seed,
    provider,
    last: lastOf(changes),
    events: rows.flatMap((row) =>
      'sealed' in row
        ? []
        : [{ ...row, data: JSON.parse(row.inlineData ?? '{}') as EventRow & Record<string, unknown> }],
    ),
    outcomes,
    isCalm,
  };
}

/** Webhooks alone converge where each says all, and the provider orders them exactly. */
function mustConvergeByWebhooks({ order, precisionMs, isThin, isForgetful }: Provider): boolean {
  return (
    !isThin && !isForgetful && (order === 'counter' || ((order === 'version' || order === 'time') && precisionMs === 1))
  );
}

function changesOf(chance: Chance, provider: Provider, startMs: number): readonly Change[] {
  const changes: Change[] = [];
  let atMs = startMs;
  let counter = 0;
  for (let record = 0; record < 1 + chance.below(2); record += 1) {
    const recordId = `r${record}`;
    let value = 0;
    let isDeleted = true;
    for (let count = 0; count < 1 + chance.below(6); count += 1) {
      // No two changes of a record at one time, but several within a second.
      atMs += 1 + chance.below(chance.oneOf([5, 1_500]));
      counter += 1;
      const verb: Change['verb'] = isDeleted ? 'created' : chance.isTrue(0.2) ? 'deleted' : 'updated';
      isDeleted = verb === 'deleted';
      // Some changes lead back to an earlier value, and some change nothing that counts.
      if (verb !== 'updated' || chance.isTrue(0.85)) value = chance.isTrue(0.3) ? chance.below(3) : value + 1;
      changes.push({
        recordId,
        verb,
        atMs,
        isDeleted,
        version: provider.order === 'counter' ? String(counter) : timeText(atMs, provider.precisionMs),
        name: `change ${counter}`,
        data: { id: recordId, value, seen: counter },
      });
    }
  }
  return changes;
}

function timeText(atMs: number, precisionMs: number): string {
  const text = new Date(Math.floor(atMs / precisionMs) * precisionMs).toISOString();
  return precisionMs === 1_000 ? text.replace('.000Z', 'Z') : text;
}

function lastOf(changes: readonly Change[]): ReadonlyMap<string, Snapshot> {
  return new Map(changes.map((change) => [change.recordId, change]));
}

function webhooksOf(chance: Chance, provider: Provider, changes: readonly Change[]): readonly Input[] {
  const mustCome = mustConvergeByWebhooks(provider);
  return changes.flatMap((change, index) => {
    const copies = chance.oneOf([1, 1, 1, 2, mustCome ? 1 : 0]);
    const isThin = provider.isThin && change.verb !== 'deleted' && chance.isTrue(0.5);
    const lacksVersion = provider.isForgetful && chance.isTrue(change.verb === 'deleted' ? 0.8 : 0.3);
    const told = lacksVersion ? { ...change, version: undefined } : change;
    return Array.from({ length: copies }, (_, copy) => {
      const receivedMs = change.atMs + chance.below(chance.oneOf([10, 5_000, 100_000]));
      return webhookOf(provider, told, receivedMs, `raw ${index} ${copy}`, isThin);
    });
  });
}

function webhookOf(
  provider: Provider,
  change: Omit<Change, 'version'> & { readonly version: string | undefined },
  receivedMs: number,
  owner: string,
  isThin: boolean,
): Input {
  const { verb, version, atMs, name, data, recordId } = change;
  const hasVersion = provider.order === 'version' || provider.order === 'counter';
  const input: RecordInput = {
    incarnation,
    traits: traitsOf(provider),
    by: 'webhook',
    change: verb,
    version: hasVersion ? version : undefined,
    changeName: name,
    seenAtMs: receivedMs,
  };
  const occurred =
    provider.order === 'time' ? { occurred_at: new Date(timeText(atMs, provider.precisionMs)).toISOString() } : {};
  const event = eventOf(recordId, receivedMs, isThin ? { id: recordId } : data, {
    type: `record:${verb}`,
    origin: 'webhook',
    ...occurred,
    ...(isThin ? { thin: true } : {}),
  });
  return { owner, dueMs: receivedMs, tries: 0, candidate: { owner, event, record: input } };
}

function readsOf(chance: Chance, provider: Provider, changes: readonly Change[], startMs: number): readonly Input[] {
  const [endMs = startMs] = changes.map(({ atMs }) => atMs).sort((one, other) => other - one);
  return Array.from({ length: chance.below(4) }, (_, index) => {
    const beganMs = startMs + chance.below(endMs - startMs + 10_000);
    const recordId = chance.oneOf(changes).recordId;
    const seen = changes.findLast((change) => change.recordId === recordId && change.atMs <= beganMs);
    return seen === undefined || seen.isDeleted
      ? []
      : [readOf(provider, recordId, seen, beganMs, `poll ${index}`, false, chance.below(3_000))];
  }).flat();
}

function readOf(
  provider: Provider,
  recordId: string,
  { version, data, isDeleted, atMs }: Snapshot,
  beganMs: number,
  owner: string,
  mayBeAbsent: boolean,
  delayMs = 0,
): Input {
  const hasVersion = provider.order === 'version' || provider.order === 'counter';
  const isAbsent = mayBeAbsent && isDeleted;
  const record: RecordInput = {
    incarnation,
    traits: traitsOf(provider),
    by: 'read',
    change: isAbsent ? 'deleted' : 'unknown',
    // What is absent has no version.
    version: hasVersion && !isAbsent ? version : undefined,
    changeName: undefined,
    seenAtMs: beganMs,
  };
  const occurred =
    provider.order === 'time' && !isAbsent
      ? { occurred_at: new Date(timeText(atMs, provider.precisionMs)).toISOString() }
      : {};
  const event = eventOf(recordId, beganMs, data, { type: 'record:updated', origin: 'poll', ...occurred });
  return { owner, dueMs: beganMs + delayMs, tries: 0, candidate: { owner, event, record } };
}

function traitsOf({ order }: Provider): RecordTraits {
  return { versionKind: order === 'counter' ? 'integer' : 'time', volatile };
}

function eventOf(
  recordId: string,
  atMs: number,
  data: UnsequencedEvent['data'],
  rest: Pick<UnsequencedEvent, 'type' | 'origin'> & Partial<UnsequencedEvent>,
): UnsequencedEvent {
  return {
    id: 'evt_of_the_mapping',
    timestamp: new Date(atMs).toISOString(),
    tenant,
    account,
    integration: 'model',
    resource,
    record_id: recordId,
    raw_event_type: 'model',
    schema_version: '1.0.0',
    data,
    ...rest,
  };
}

/** Inputs that one writer takes at a time, and writers that work at the same time. */
const maxBatch = 4;
const maxWriters = 3;
const maxTries = 60;

async function publishAll(
  chance: Chance,
  engine: FakeEngine,
  inputs: readonly Input[],
  outcomes: Map<string, number>,
  { isCalm, loses }: { readonly isCalm: boolean; readonly loses: boolean },
): Promise<void> {
  let waiting = [...inputs].sort((one, other) => one.dueMs - other.dueMs);
  while (waiting.length > 0) {
    const [first] = waiting;
    engine.clock.advance(Math.max(0, (first?.dueMs ?? 0) - engine.clock.nowMs()) + 1);
    const nowMs = engine.clock.nowMs();
    const due = waiting.filter(({ dueMs }) => dueMs <= nowMs);
    const batches = Array.from({ length: 1 + chance.below(maxWriters) }, (): Input[] => []);
    for (const input of due) {
      const batch = chance.oneOf(batches);
      if (batch.length < maxBatch) batch.push(input);
    }
    const taken = new Set(batches.flat());
    waiting = waiting.filter((input) => !taken.has(input));
    const turns = createTurns(chance, engine, isCalm);
    const runs = batches
      .filter((batch) => batch.length > 0)
      .map(async (batch) => {
        const writer = createWriter(chance, engine.publishPorts, turns.next, isCalm);
        const results = await publishEvents(
          writer.ports,
          batch.map(({ candidate, tries }) => ({ ...candidate, isRetry: tries > 0 })),
        ).catch((error: unknown) => batch.map((): Publication => ({ kind: 'failed', error })));
        for (const [index, input] of batch.entries()) {
          const result = results[index] as Publication;
          if (!writer.isDead() && result.kind !== 'failed') {
            outcomes.set(result.kind, (outcomes.get(result.kind) ?? 0) + 1);
            continue;
          }
          input.tries += 1;
          if (loses && writer.isDead() && chance.isTrue(0.3)) continue;
          if (input.tries > maxTries)
            throw new Error(`${input.owner} never ends: ${String((result as { error?: unknown }).error)}`);
          // A message comes again after seconds, or after its visibility timeout.
          waiting.push({ ...input, dueMs: engine.clock.nowMs() + chance.oneOf([1_000, 5_000, 70_000, 180_000]) });
        }
      });
    await turns.runUntil(Promise.all(runs));
    waiting.sort((one, other) => one.dueMs - other.dueMs);
  }
}

/** Lets one of the calls that wait go on at a time, in random order. */
function createTurns(chance: Chance, engine: FakeEngine, isCalm: boolean) {
  const waiting: (() => void)[] = [];
  return {
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
    async runUntil(all: Promise<unknown>): Promise<void> {
      const over = new AbortController();
      const end = () => over.abort();
      void all.then(end, end);
      while (!over.signal.aborted) {
        await new Promise((resolve) => setImmediate(resolve));
        const [go] = waiting.splice(chance.below(waiting.length), 1);
        // Now and then a writer is slow: it may not write what it began.
        engine.clock.advance(!isCalm && chance.isTrue(0.01) ? 40_000 : chance.below(20));
        go?.();
      }
      await all;
    },
  };
}

/** Ports of one run: each call takes its turn, and one of them may be the last. */
function createWriter(chance: Chance, ports: PublishPorts, turn: () => Promise<void>, isCalm: boolean) {
  let isDead = false;
  const crashesAt = !isCalm && chance.isTrue(0.25) ? 1 + chance.below(12) : Number.POSITIVE_INFINITY;
  const isAfter = chance.isTrue(0.5);
  const mayFail = !isCalm && chance.isTrue(0.2);
  let calls = 0;
  const wrap =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      await turn();
      calls += 1;
      if (isDead) throw new Error('the process has ended');
      const isLast = calls === crashesAt;
      if (isLast) isDead = true;
      if (isLast && !isAfter) throw new Error('the process has ended');
      const fails = mayFail && chance.isTrue(0.05);
      if (fails && !isAfter) throw new Error('the store does not answer');
      const answer = await call(...args);
      await turn();
      if (isLast || isDead) throw new Error('the process has ended');
      if (fails) throw new Error('the answer is lost');
      return answer;
    };
  const { events, records } = ports;
  const writeSome = wrap((...args: Parameters<typeof events.writeRows>) => events.writeRows(...args));
  const pointSome = wrap((pointers: readonly EventClaim[]) => events.point(pointers));
  const wrapped: PublishPorts = {
    ...ports,
    events: {
      takeSequences: wrap((of: string, count: number) => events.takeSequences(of, count)),
      claim: wrap((claim: EventClaim) => events.claim(claim)),
      findClaim: wrap((id: string) => events.findClaim(id)),
      moveClaim: wrap((from: EventClaim, to: EventClaim) => events.moveClaim(from, to)),
      point: async (pointers) => pointSome(pointers).catch(() => new Set()),
      // As in DynamoDB: pointers first, and a batch of rows may be written in part.
      async writeRows(rows, untilMs, pointers) {
        const half = Math.ceil(rows.length / 2);
        await writeSome([], untilMs, pointers);
        await writeSome(rows.slice(0, half), untilMs);
        await writeSome(rows.slice(half), untilMs);
      },
      getMany: wrap((keys: readonly EventKey[]) => events.getMany(keys)),
    },
    records: {
      getMany: wrap((keys: readonly RecordKey[]) => records.getMany(keys)),
      write: wrap((...args: Parameters<typeof records.write>) => records.write(...args)),
    },
    pause: () => turn(),
  };
  return { ports: wrapped, isDead: () => isDead };
}

/** What is wrong with a history; empty where records converge. */
export function faultsOf({ provider, last, events, isCalm }: History): readonly string[] {
  const faults: string[] = [];
  const byRecord = Map.groupBy(events, ({ record_id: recordId }) => recordId);
  const contents = new Map<string, string>();
  for (const event of events) {
    const content = JSON.stringify([event.record_id, event.type, event.data]);
    const known = contents.get(event.id);
    if (known !== undefined) faults.push(`${event.id} is in the feed twice: ${known} and ${content}`);
    contents.set(event.id, content);
  }
  for (const [recordId, snapshot] of last) {
    const own = byRecord.get(recordId) ?? [];
    const final = own.at(-1);
    // A record deleted before any input mentioned it needs no event.
    if (final === undefined) {
      if (!snapshot.isDeleted) faults.push(`${recordId} has no event`);
      continue;
    }
    const isDeleted = final.type === 'record:deleted';
    if (isDeleted !== snapshot.isDeleted) faults.push(`${recordId} ends ${final.type}, deleted: ${snapshot.isDeleted}`);
    else if (!isDeleted && fingerprintOf(final.data, volatile) !== fingerprintOf(snapshot.data, volatile))
      faults.push(`${recordId} ends as ${JSON.stringify(final.data)}, not ${JSON.stringify(snapshot.data)}`);
    faults.push(...faultsInOrder(provider, recordId, own, isCalm));
  }
  return faults;
}

function faultsInOrder(
  provider: Provider,
  recordId: string,
  events: History['events'],
  isCalm: boolean,
): readonly string[] {
  const faults: string[] = [];
  const isExact = mustConvergeByWebhooks(provider);
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    if (before === undefined) continue;
    const wasAlive = before.type !== 'record:deleted';
    if ((event.type === 'record:created') === wasAlive) faults.push(`${recordId}: ${event.type} after ${before.type}`);
    if (event.type === 'record:deleted' && !wasAlive) faults.push(`${recordId}: deleted twice`);
    const isSame = fingerprintOf(event.data, volatile) === fingerprintOf(before.data, volatile);
    const isWhole = event.thin !== true && before.thin !== true;
    // A change between the two may have been overtaken before its event was written.
    if (isCalm && isSame && isWhole && event.type === 'record:updated')
      faults.push(`${recordId}: the same state twice`);
    // The counter of the provider tells which state is later.
    const [then, now] = [before.data['seen'], event.data['seen']] as readonly (number | undefined)[];
    if (isExact && then !== undefined && now !== undefined && now < then)
      faults.push(`${recordId}: back in time, from ${then} to ${now}`);
  }
  return faults;
}
