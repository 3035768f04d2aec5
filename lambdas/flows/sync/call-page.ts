import { nameOf, planAnswer } from '../../engine/definition/plan-answer.ts';
import type { ReadAnswer } from '../../engine/provider/answer/read-answer.ts';
import type { Priority } from '../../engine/provider/budget/budget-state.ts';
import { readsSource } from '../../engine/provider/request/call-reads.ts';
import type { PagePosition } from '../../engine/provider/request/page-position.ts';
import { digestOf } from '../../engine/sync/after-page.ts';
import type { Validator } from '../../engine/sync/cursor.ts';
import type { CurrentRun, SyncStop } from '../../engine/sync/sync-state.ts';
import { type CallOutcome, callProvider } from '../provider/call-provider.ts';
import type { Filters } from '../read/listing-filters.ts';
import type { Advance, PartWork } from './part-work.ts';

/** What one page is asked with. */
export interface PageAsk {
  readonly filters: Filters;
  readonly since: string;
  readonly until: string | undefined;
  readonly position: PagePosition;
}

/** What one call of a listing brought. */
export type CalledPage =
  | {
      readonly kind: 'page';
      readonly answer: ReadAnswer;
      readonly startedAtMs: number;
      /** The server's clock, epoch milliseconds. */
      readonly serverMs: number;
      readonly validator: Validator | undefined;
    }
  /** As it was when it was read last. */
  | { readonly kind: 'unchanged'; readonly serverMs: number }
  /** The cursor, or the page token, has ended. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'split' }
  | Exclude<Advance, { kind: 'done' | 'time' }>;

/** How long a run waits for a budget within an invocation; longer waits end it. */
const waitInRunMs = 10_000;
const dayMs = 86_400_000;

export function priorityOf({ mode }: Pick<CurrentRun, 'mode'>): Priority {
  return mode === 'backfill' || mode === 'full' ? 'backfill' : 'poll';
}

/** Ask for one page of a part. */
export async function callPage(
  work: PartWork,
  mode: CurrentRun['mode'],
  { filters, since, until, position }: PageAsk,
): Promise<CalledPage> {
  const { ports, caller, read, cursor, tally } = work;
  const { call, plan } = read;
  const { clock } = ports;
  const token = plan.kind === 'token' || plan.kind === 'id' ? cursor?.value : undefined;
  const isFirst = position.kind === 'first';
  const start: PagePosition = isFirst && plan.isUrl && token !== undefined ? { kind: 'url', url: token } : position;
  const asked = digestOf([call.declaredBy, call.method, filters, since, until ?? null, token ?? null]);
  const validator = isFirst && cursor?.validator?.asked === asked ? cursor.validator : undefined;
  let dateMs: number | undefined;
  let next: Validator | undefined;
  const ask = () =>
    callProvider(ports.provider, caller, {
      name: nameOf(call),
      spec: call.spec,
      plan: planAnswer(caller.definition, call, start),
      values: {
        filter: filters,
        since,
        ...untilOf(call.spec, until, clock.nowMs()),
        ...(token === undefined ? {} : { cursor: token }),
      },
      position: start,
      conditions: conditionsOf(validator),
      priority: priorityOf({ mode }),
      deadlineMs: Math.min(clock.nowMs() + waitInRunMs, work.endsByMs),
      endsByMs: work.endsByMs,
      onAnswer({ headers }) {
        tally.add({ calls: 1 });
        dateMs = headers['date'] === undefined ? undefined : Date.parse(headers['date']);
        next = validatorOf(call.spec.conditional, asked, headers);
      },
    });
  const outcome = await triedAgain(work, ask);
  return pageOf(outcome, clock.nowMs(), soundTime(dateMs, clock.nowMs()), isFirst ? next : undefined);
}

/** Tries of one page in one invocation, where the provider has a fault of the moment. */
export const maxTries = 4;
export const firstPauseMs = 1_000;

/** Try a page again after a short pause: one call that fails must not end an invocation. */
async function triedAgain({ ports, isOver }: PartWork, ask: () => Promise<CallOutcome>): Promise<CallOutcome> {
  const { pause, randomness, clock } = ports.provider;
  for (let count = 1; ; count += 1) {
    const outcome = await ask();
    const pauseMs = firstPauseMs * 2 ** (count - 1) * (0.75 + 0.5 * randomness.fraction());
    const isMomentary =
      (outcome.kind === 'unavailable' && (outcome.notBeforeMs ?? 0) <= clock.nowMs() + pauseMs) ||
      (outcome.kind === 'read' && isUnreadable(outcome));
    if (!isMomentary || count === maxTries || isOver()) return outcome;
    await pause(pauseMs);
  }
}

/** An answer that looks like a success and is none, such as half of one, or a page of maintenance. */
function isUnreadable({ answer, status }: Extract<CallOutcome, { kind: 'read' }>): boolean {
  return answer.fault !== undefined && status >= 200 && status < 300;
}

/** A clock that is a day off tells nothing. */
function soundTime(ms: number | undefined, nowMs: number): number {
  return ms !== undefined && Math.abs(ms - nowMs) < dayMs ? ms : nowMs;
}

/** A call that cannot be made without an end reads until now. */
function untilOf(spec: object, until: string | undefined, nowMs: number): { readonly until?: string } {
  if (until !== undefined) return { until };
  return readsSource(spec, 'until', true) ? { until: new Date(nowMs).toISOString() } : {};
}

function pageOf(outcome: CallOutcome, nowMs: number, serverMs: number, validator: Validator | undefined): CalledPage {
  if (outcome.kind !== 'read') return stopOf(outcome, nowMs);
  const { answer, status, startedAtMs } = outcome;
  // The run keeps its pages, and asks for this one later.
  if (isUnreadable(outcome))
    return { kind: 'stop', stop: { kind: 'backing-off', reason: answer.fault ?? '', untilMs: 0 } };
  const { means } = answer.classification;
  switch (means) {
    case 'ok':
    case 'partial':
    case 'empty':
      return { kind: 'page', answer, startedAtMs, serverMs, validator };
    case 'unchanged':
      return { kind: 'unchanged', serverMs };
    case 'restart':
    case 'split':
      return { kind: means };
    case 'gone':
    case 'forbidden':
      return { kind: 'skipped', reason: `the provider answered ${status} (${means})` };
    default: {
      const reason = answer.fault ?? `the provider answered ${status} (${means})`;
      // What the listing belongs to is gone: a repository, or the record on which others depend.
      return { kind: status === 404 || status === 410 ? 'skipped' : 'failed', reason };
    }
  }
}

/** Why a call does not bring a page now. */
export function stopOf(
  outcome: Exclude<CallOutcome, { kind: 'read' }>,
  nowMs: number,
): Extract<CalledPage, { kind: 'stop' | 'failed' }> {
  const stop = (kind: SyncStop['kind'], reason: string, untilMs: number) =>
    ({ kind: 'stop', stop: { kind, reason, untilMs } }) as const;
  switch (outcome.kind) {
    case 'wait':
      return stop(
        'rate-limited',
        `the budget "${outcome.stoppedBy}" has nothing left`,
        Math.max(outcome.untilMs, nowMs + 1_000),
      );
    case 'unavailable':
      return stop('backing-off', outcome.reason, outcome.notBeforeMs ?? 0);
    case 'auth-failed':
      return stop('auth-failed', outcome.reason, 0);
    case 'unusable':
      return { kind: 'failed', reason: outcome.reason };
  }
}

function conditionsOf(validator: Validator | undefined): Readonly<Record<string, string>> | undefined {
  if (validator === undefined) return undefined;
  const { etag, lastModified } = validator;
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified }),
  };
}

function validatorOf(
  kind: 'etag' | 'last_modified' | undefined,
  asked: string,
  headers: Readonly<Record<string, string>>,
): Validator | undefined {
  const [etag, lastModified] = [headers['etag'], headers['last-modified']];
  if (kind === 'etag' && etag !== undefined) return { asked, etag };
  if (kind === 'last_modified' && lastModified !== undefined) return { asked, lastModified };
  return undefined;
}
