import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { type PinPorts, pinEvents } from '../../feed/pin-events.ts';
import { type EventPayloads, isForGood, tryToEvent } from '../../feed/read-event.ts';
import { diedBefore, type ExpressionFailure, notSent, ownerOf } from './own-failure.ts';
import type { PreparedSubscription } from './prepare-subscription.ts';

/** The verdict of a subscription's filter on an event. */
export type Judgement =
  /** The filter passes the event; or the filter fails, because a receiver can ignore an event it does not want. */
  | { readonly kind: 'wanted' }
  | { readonly kind: 'unwanted' }
  /** The filter cannot judge this event, now or later: a fault of the engine, which must not block other events. */
  | { readonly kind: 'failed'; readonly failure: ExpressionFailure }
  /** The filter was stopped before it decided: the subscription is suspended, and nothing of it is sent. */
  | { readonly kind: 'died'; readonly failure: ExpressionFailure };

/**
 * Judge an event with a subscription's filter, in the version that the subscription reads. An event that cannot be
 * converted to that version passes: its attempt records why.
 */
export async function judge(
  ports: PinPorts,
  { subscription, shaping: { filter } }: PreparedSubscription,
  event: CanonicalEvent,
): Promise<Judgement> {
  if (filter === undefined) return { kind: 'wanted' };
  try {
    const pinned = await pinEvents(ports, subscription.shaping.schema_versions, [event]);
    const [read] = pinned.events;
    if (read === undefined) return { kind: 'wanted' };
    const run = await ports.expressions.run('judge', { filter, event: read }, ownerOf(subscription));
    if (run.kind === 'died') return { kind: 'died', failure: diedBefore('filter', run) };
    return { kind: run.result.kind === 'unwanted' ? 'unwanted' : 'wanted' };
  } catch (error) {
    if (!isForGood(error)) throw error;
    return { kind: 'failed', failure: faultOf('filter', error) };
  }
}

/** The outcome of a callback that is not sent because of a fault of the engine, which recurs with each attempt. */
export function faultOf(what: string, error: unknown): ExpressionFailure {
  return notSent(`${what}: ${error instanceof Error ? error.message : 'it failed for an unknown reason'}`);
}

export type RowJudgement = 'wanted' | 'unwanted' | 'unjudged';

/**
 * Read events and judge them with a subscription's filter, one after the other. An event that can never be read passes,
 * so that its owner sees it: its attempt fails, and blocks no other. Once the filter was stopped, the remaining rows
 * are unjudged; they are judged before their attempts.
 *
 * @returns In the order of the rows.
 */
export async function judgeRows(
  ports: PinPorts & EventPayloads,
  prepared: PreparedSubscription,
  rows: readonly EventRow[],
): Promise<readonly RowJudgement[]> {
  if (prepared.shaping.filter === undefined) return rows.map(() => 'wanted');
  const judgements: RowJudgement[] = [];
  let hasDied = false;
  for (const row of rows) {
    const event = hasDied ? undefined : await tryToEvent(ports, row, isForGood);
    if (event === undefined) judgements.push('unjudged');
    else if ('kind' in event) judgements.push('wanted');
    else {
      const { kind } = await judge(ports, prepared, event);
      hasDied = kind === 'died';
      judgements.push(kind === 'wanted' || kind === 'unwanted' ? kind : 'unjudged');
    }
  }
  return judgements;
}
