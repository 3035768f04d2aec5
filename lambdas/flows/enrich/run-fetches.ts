import { limits } from '../../contracts/limits.ts';
import type { EnrichMessage } from '../../contracts/messages.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { EnrichQueue } from '../../ports/events/queues.ts';
import type { FetchPlace, FetchQueueKey, FetchRun, WaitingFetch } from '../../ports/provider/fetch-store.ts';
import { type DefinitionPorts, definitionFor } from '../provider/definition-for.ts';
import { budgetLeftPercent } from '../provider/describe-budgets.ts';
import { type Caller, toCaller } from '../provider/provider-ports.ts';
import { messageLifeMs } from './ask-for-fetch.ts';
import { type EnrichedRound, type EnrichPorts, enrichRound, type RoundStop, roundSize } from './enrich-records.ts';

export interface RunFetchesPorts extends EnrichPorts, DefinitionPorts {
  readonly accounts: AccountStore;
  readonly enrichQueue: EnrichQueue;
}

/** What a run did. */
export interface FetchRunReport {
  readonly rounds: readonly EnrichedRound[];
  /** Fetches of an account that is gone. */
  readonly dropped: readonly WaitingFetch[];
  readonly stop?: RoundStop | undefined;
  readonly integration?: string | undefined;
  /** What is left of the limit that is used up most, as this run knows it. */
  readonly budgetLeftPercent?: number | undefined;
}

const nothingDone: FetchRunReport = { rounds: [], dropped: [] };
/** After this time a run begins no further round: another continues. */
const runMs = limits.enrichRunMs;
/** A run has ended by then, whatever happens. */
const leaseMs = limits.enrichTimeoutSeconds * 1000 + 5_000;
/** When dispatch looks at a queue whose account waits for other credentials. */
const authLookMs = 3_600_000;

/**
 * Read the records that wait for one resource of an account, until none is due or the provider stops it.
 *
 *   take the lease -> rounds of reading and publishing -> give the lease back, if nothing was added meanwhile
 *
 * One run at a time works on a queue, so the events of a record keep their order. A run that dies is followed by another
 * once its lease is over: its message comes again, and dispatch looks at the queue.
 */
export async function runFetches(ports: RunFetchesPorts, key: FetchQueueKey): Promise<FetchRunReport> {
  const owner = ports.randomness.bytes(9).toString('base64url');
  let run = await takeLease(ports, key, owner);
  if (run === undefined) return nothingDone;
  const startedAtMs = ports.clock.nowMs();
  const rounds: EnrichedRound[] = [];
  const caller = await callerOf(ports, key);
  if (caller === undefined) return dropAll(ports, run, key);
  const reportOf = (stop: RoundStop | undefined): FetchRunReport => ({
    rounds,
    dropped: [],
    stop,
    integration: caller.account.integration,
    budgetLeftPercent: budgetLeftPercent(ports.provider, caller),
  });
  for (;;) {
    const asked = run.asked;
    const { stop, isOver, position } = await roundsOf(ports, caller, key, startedAtMs, rounds, run.position);
    const { position: _, ...rest } = run;
    const held: FetchRun = position === undefined ? rest : { ...rest, position };
    const released: FetchRun | 'again' = await release(ports, key, held, asked, stop, isOver);
    if (released !== 'again') return reportOf(stop);
    run = (await ports.fetches.getRun(key)) ?? run;
    if (run.lease?.owner !== owner) return reportOf(stop);
  }
}

interface RoundsEnd {
  readonly stop?: RoundStop | undefined;
  /** The time of the run is over: fetches may wait. */
  readonly isOver: boolean;
  readonly position: FetchPlace | undefined;
}

async function roundsOf(
  ports: RunFetchesPorts,
  caller: Caller,
  key: FetchQueueKey,
  startedAtMs: number,
  rounds: EnrichedRound[],
  from: FetchPlace | undefined,
): Promise<RoundsEnd> {
  let position = from;
  for (;;) {
    if (ports.clock.nowMs() - startedAtMs >= runMs) return { isOver: true, position };
    const due = await ports.fetches.listDue(key, ports.clock.nowMs(), roundSize(caller, key.resource), position);
    if (due.length === 0) {
      if (position === undefined) return { isOver: false, position };
      position = undefined;
      continue;
    }
    // A former account's webhooks say nothing of this one's records.
    const [own, former] = partition(due, ({ incarnation }) => incarnation === caller.account.createdAt);
    if (former.length > 0) await ports.fetches.finish(former);
    const round = await enrichRound(ports, caller, own);
    rounds.push(round);
    // What could not be read now comes first in the next run.
    if (round.stop !== undefined) return { stop: round.stop, isOver: false, position };
    const { recordId, fact } = due.at(-1) as WaitingFetch;
    position = { recordId, ...(fact === undefined ? {} : { fact }) };
    if (round.published.length > 0 && round.published.every(({ publication }) => publication.kind === 'failed'))
      return {
        stop: { kind: 'unavailable', untilMs: ports.clock.nowMs() + 5_000, reason: 'events could not be published' },
        isOver: false,
        position,
      };
  }
}

async function takeLease(ports: RunFetchesPorts, key: FetchQueueKey, owner: string): Promise<FetchRun | undefined> {
  for (;;) {
    const run = (await ports.fetches.getRun(key)) ?? { ...key, asked: 0, revision: 0 };
    const nowMs = ports.clock.nowMs();
    if (run.lease !== undefined && run.lease.untilMs > nowMs) return undefined;
    const { messageUntilMs: _, ...rest } = run;
    const taken = await ports.fetches.replaceRun({
      ...rest,
      lease: { owner, untilMs: nowMs + leaseMs },
      dueAtMs: nowMs + leaseMs,
    });
    if (taken !== undefined) return taken;
  }
}

/** Give the lease back, and see that what is left is looked at in time. @returns `again` where fetches were added. */
async function release(
  ports: RunFetchesPorts,
  key: FetchQueueKey,
  held: FetchRun,
  asked: number,
  stop: RoundStop | undefined,
  isOver: boolean,
): Promise<FetchRun | 'again'> {
  let run = held;
  for (;;) {
    const nowMs = ports.clock.nowMs();
    const nextMs = isOver ? nowMs : stop === undefined ? await ports.fetches.nextDueMs(key) : resumeAtMs(stop, nowMs);
    const { lease: _, dueAtMs: __, messageUntilMs: ___, ...rest } = run;
    const delayMs = nextMs === undefined ? undefined : Math.max(0, nextMs - nowMs);
    const isQueued = delayMs !== undefined && delayMs <= limits.queueMaxDelayMs && stop?.kind !== 'auth-failed';
    // The message goes first: a run that dies between the two leaves one message too many.
    if (isQueued) await ports.enrichQueue.send(messageOf(key), delayMs);
    const written = await ports.fetches.replaceRun({
      ...rest,
      ...(nextMs === undefined ? {} : { dueAtMs: isQueued ? nextMs + messageLifeMs : nextMs }),
      ...(isQueued ? { messageUntilMs: nextMs === undefined ? nowMs : nextMs + messageLifeMs } : {}),
    });
    if (written !== undefined) return written;
    const current = await ports.fetches.getRun(key);
    if (current === undefined || current.lease?.owner !== held.lease?.owner) return run;
    if (current.asked !== asked && stop === undefined && !isOver) return 'again';
    // Another writer counted fetches; where the reading stands, only this run knows.
    const { position: _____, ...others } = current;
    run = held.position === undefined ? others : { ...others, position: held.position };
  }
}

function resumeAtMs(stop: RoundStop, nowMs: number): number {
  return stop.kind === 'auth-failed' ? nowMs + authLookMs : Math.max(nowMs, stop.untilMs);
}

function messageOf({ account, resource }: FetchQueueKey): EnrichMessage {
  return { kind: 'enrich', account, resource };
}

async function callerOf(ports: RunFetchesPorts, { account: id }: FetchQueueKey): Promise<Caller | undefined> {
  const account = await ports.accounts.get(id, 0);
  if (account === undefined || account.closed === true) return undefined;
  const definition = await definitionFor(ports, account);
  return definition?.api === undefined ? undefined : toCaller(account, definition);
}

/** The account is gone: nothing of it may be published. */
async function dropAll(ports: RunFetchesPorts, run: FetchRun, key: FetchQueueKey): Promise<FetchRunReport> {
  const dropped: WaitingFetch[] = [];
  for (;;) {
    const left = await ports.fetches.listDue(key, Number.MAX_SAFE_INTEGER, 100);
    if (left.length === 0) break;
    await ports.fetches.finish(left);
    dropped.push(...left);
  }
  const { lease: _, dueAtMs: __, ...rest } = run;
  await ports.fetches.replaceRun(rest);
  return { rounds: [], dropped };
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
