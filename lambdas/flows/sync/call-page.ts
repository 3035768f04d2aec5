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
  const outcome = await callProvider(ports.provider, caller, {
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
  const serverMs = dateMs === undefined || Number.isNaN(dateMs) ? clock.nowMs() : dateMs;
  return pageOf(outcome, clock.nowMs(), serverMs, isFirst ? next : undefined);
}

/** A call that cannot be made without an end reads until now. */
function untilOf(spec: object, until: string | undefined, nowMs: number): { readonly until?: string } {
  if (until !== undefined) return { until };
  return readsSource(spec, 'until', true) ? { until: new Date(nowMs).toISOString() } : {};
}

function pageOf(outcome: CallOutcome, nowMs: number, serverMs: number, validator: Validator | undefined): CalledPage {
  if (outcome.kind !== 'read') return stopOf(outcome, nowMs);
  const { answer, status, startedAtMs } = outcome;
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
    default:
      return { kind: 'failed', reason: answer.fault ?? `the provider answered ${status} (${means})` };
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
