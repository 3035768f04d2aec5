import { limits } from '../../../contracts/limits.ts';
import { type Admission, admit, endsEarly, slotsAfter } from '../../../engine/delivery/admission.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { PostResult } from '../../../engine/delivery/pace.ts';
import { postResult, recordAttempt } from '../../../engine/delivery/record-attempt.ts';
import { type EndpointEffect, settle } from '../../../engine/delivery/settlement.ts';
import { traceOfEvent } from '../../../engine/trace/trace-ids.ts';
import { createByteBudget } from '../../concurrency/byte-budget.ts';
import { forEachAtMost } from '../../concurrency/for-each-at-most.ts';
import { reportDelivery, reportEndpoint } from '../../publish/publish-operational-events.ts';
import { momentOf } from '../attempt/attempt-delivery.ts';
import { createRecordWrite } from '../attempt/record-writes.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import { maxHeldBytes } from '../deliver-events.ts';
import { leaseId, policyOf } from '../lease-endpoint.ts';
import { removeEntries, type Work, type WorkItem } from './backlog-work.ts';
import {
  drainerMs,
  ended,
  filtered,
  hasEndpoint,
  maxPauseMs,
  noteDone,
  type Run,
  type Step,
  waitUntil,
} from './drain-run.ts';
import { recordRound } from './record-round.ts';
import { type Attempted, recordLeftOut, sendRequest } from './send-request.ts';

/** Pause of a run whose expressions are suspended. */
const suspensionPauseMs = 5_000;

const leaseMs = limits.drainRoundMs + limits.maxCallbackTimeoutMs + 30_000;

type Admitted = Extract<Admission, { kind: 'admitted' }>;

/** The results of a round so far. */
interface SentRound {
  readonly attempts: Attempted[];
  readonly results: PostResult[];
  readonly leftOut: WorkItem[];
  /** Posts of the lease not made yet. */
  left: number;
  /** Whether the expressions of the subscription are suspended. */
  isSuspended: boolean;
  /** An error that a later run may not meet. */
  unavailable: { readonly error: unknown } | undefined;
}

/** Send the work of a round: take a lease, post, record, and give the lease back. */
export async function postAll(run: Run, work: Work): Promise<Step> {
  const lease = { id: leaseId(run.ports), durationMs: leaseMs };
  const admission = await takeLease(run, lease, work);
  if (admission.kind === 'taken') return admission;
  if (admission.kind === 'blocked') {
    // Do not wait for the end of another lease: it is given back long before.
    const againMs = admission.by === 'concurrency' ? run.ports.clock.nowMs() + maxPauseMs / 4 : admission.untilMs;
    return waitUntil(run, againMs);
  }
  const sent = await sendAll(run, work, admission);
  const exhausted = await recordSent(run, work, sent, admission.isProbe);
  const effects = await giveBack(run, work, sent, { id: lease.id, isProbe: admission.isProbe });
  noteDone(run, [...work.unwanted.map(filtered), ...work.passed.map(ended)]);
  await reportEndpoint(run.ports, run.prepared.subscription, effects);
  const isGone = exhausted.some(({ exhaustedBy }) => exhaustedBy === 'gone');
  if (isGone || effects.some(({ kind }) => kind === 'disabled')) return { kind: 'disabled' };
  // The posts are recorded: the redelivered message continues with the rest.
  if (sent.unavailable !== undefined) throw sent.unavailable.error;
  return sent.isSuspended && sent.attempts.length === 0
    ? waitUntil(run, run.ports.clock.nowMs() + suspensionPauseMs)
    : { kind: 'more' };
}

async function takeLease(
  run: Run,
  lease: { readonly id: string; readonly durationMs: number },
  { posts }: Work,
): Promise<Admission | { readonly kind: 'taken' }> {
  const { ports, prepared } = run;
  const requests = posts.reduce((sum, one) => sum + one.requests.length, 0);
  const asked = await changeEndpoint<Admission | { kind: 'taken' }>(ports, run.state, (current) => {
    // This run has lost the endpoint: the owner has disabled or removed the subscription.
    if (!hasEndpoint(run, current)) return { result: { kind: 'taken' } };
    const admission = admit(current, prepared.limits, requests, lease, ports.clock.nowMs());
    return admission.kind === 'admitted' ? { state: admission.state, result: admission } : { result: admission };
  });
  run.state = asked.state;
  return asked.result;
}

/** Send the requests of each post in sequence; each one only after the endpoint accepted the one before. */
async function sendAll(run: Run, { posts }: Work, admission: Admitted): Promise<SentRound> {
  const { ports, prepared } = run;
  const startedAtMs = ports.clock.nowMs();
  const memory = createByteBudget(maxHeldBytes);
  const sent: SentRound = {
    attempts: [],
    results: [],
    leftOut: [],
    left: admission.posts,
    isSuspended: false,
    unavailable: undefined,
  };
  const slotsNow = () => slotsAfter(admission, sent.results, prepared.limits);
  await forEachAtMost(slotsNow, posts, async ({ requests }) => {
    for (const request of requests) {
      const bytes = request.reduce((sum, { row }) => sum + row.dataBytes, 0);
      const goesOn = await memory.hold(bytes, async () => {
        const isOver = ports.clock.nowMs() - startedAtMs > limits.drainRoundMs || endsEarly(sent.results);
        return sent.left === 0 || isOver || sent.unavailable !== undefined ? false : sendOne(run, request, sent);
      });
      if (!goesOn) return;
    }
  });
  return sent;
}

/** @returns Whether the next request of the same post may be sent. */
async function sendOne(run: Run, request: readonly WorkItem[], sent: SentRound): Promise<boolean> {
  sent.left -= 1;
  const { unwanted, attempts, isSuspended, unavailable } = await sendRequest(run, request);
  sent.leftOut.push(...unwanted);
  sent.attempts.push(...attempts);
  const results = attempts.flatMap(({ outcome }) => postResult(outcome, run.ports.clock.nowMs()) ?? []);
  sent.results.push(...results);
  if (attempts.length === 0) sent.left += 1;
  sent.isSuspended ||= isSuspended;
  sent.unavailable ??= unavailable;
  const isFiltered = unwanted.length === request.length;
  return isFiltered || (results.length > 0 && results.every(({ ok }) => ok));
}

/** Record the attempts, and store the deliveries that wait. @returns The deliveries that are exhausted. */
async function recordSent(run: Run, { posts }: Work, sent: SentRound, isProbe: boolean): Promise<readonly Delivery[]> {
  const { ports, prepared } = run;
  const recorded = sent.attempts.flatMap(({ items, outcome }) =>
    items.map((item) => ({
      item,
      ...recordAttempt(prepared.rules, item.delivery, outcome, momentOf(ports, isProbe)),
    })),
  );
  const attempted = new Set([...recorded.map(({ item }) => item), ...sent.leftOut]);
  const items = posts.flatMap((one) => one.requests.flat());
  // Store unsent events of the feed in the backlog before the position in the feed moves past them.
  const parking = items.filter((item) => item.entry === undefined && !attempted.has(item));
  const record = createRecordWrite(ports, run.startedAtMs + limits.drainTimeoutSeconds * 1000);
  const { done, moved } = await recordRound(run, record, recorded, parking);
  await recordLeftOut(run, sent.leftOut);
  const exhausted = done.filter(({ decision }) => decision.kind === 'exhausted');
  await reportDelivery(
    ports,
    prepared.subscription,
    exhausted.map(({ item, delivery }) => ({ delivery, hops: item.row.hops, traceId: traceOfEvent(item.row) })),
  );
  // Remove entries last: until the next attempt waits elsewhere, or the end is reported, only the entry leads to the
  // delivery. A caller that asked for an attempt in the meantime relies on it, too.
  await removeEntries(ports, moved);
  return exhausted.map(({ delivery }) => delivery);
}

async function giveBack(
  run: Run,
  { position }: Work,
  { results, left }: SentRound,
  lease: { readonly id: string; readonly isProbe: boolean },
): Promise<readonly EndpointEffect[]> {
  const { ports, prepared } = run;
  const nowMs = ports.clock.nowMs();
  const settled = await changeEndpoint(ports, run.state, (current) => {
    const { state, effects } = settle(
      current,
      { ...lease, postsNotMade: left },
      results,
      prepared.limits,
      policyOf(ports, prepared),
      nowMs,
    );
    // This run has lost the endpoint: its posts are recorded; it changes nothing else.
    if (!hasEndpoint(run, state)) return { state, result: effects };
    // The same write holds the heartbeat and the position in the feed.
    const drainer = { id: run.drainer.id, untilMs: nowMs + drainerMs };
    return { state: { ...state, drainer, ...(position === undefined ? {} : { position }) }, result: effects };
  });
  run.state = settled.state;
  return settled.result;
}
