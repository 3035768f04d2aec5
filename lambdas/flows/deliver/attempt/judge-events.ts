import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { type PinPorts, pinEvents } from '../../feed/pin-events.ts';
import { type EventPayloads, isForGood, tryToEvent } from '../../feed/read-event.ts';
import { diedBefore, type ExpressionFailure, notSent, ownerOf } from './own-failure.ts';
import type { PreparedSubscription } from './prepare-subscription.ts';

/** What a subscription's filter says of an event. */
export type Judgement =
  /** It lets the event through; or it fails, and a receiver can tell an event too many apart. */
  | { readonly kind: 'wanted' }
  | { readonly kind: 'unwanted' }
  /** It cannot be asked about this event, now or later: a fault of the engine, which holds up no other event. */
  | { readonly kind: 'failed'; readonly failure: ExpressionFailure }
  /** It was stopped before it said anything: the subscription is held back, and nothing of it is sent. */
  | { readonly kind: 'died'; readonly failure: ExpressionFailure };

/**
 * Ask a subscription's filter about an event, in the version that the subscription reads. An event that cannot be had
 * in that version is let through: its attempt says why.
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

/** The outcome of a callback that is not made because of a fault of the engine, which comes again with each attempt. */
export function faultOf(what: string, error: unknown): ExpressionFailure {
  return notSent(`${what}: ${error instanceof Error ? error.message : 'it failed for an unknown reason'}`);
}

/** What is known of a row without its event having been sent. */
export type RowJudgement = 'wanted' | 'unwanted' | 'unjudged';

/**
 * Ask a subscription's filter about events that are still to be read, one after the other. One that can never be read
 * is let through, for its owner to see: it is tried, and fails, and holds up no other. Once the filter was stopped it is
 * asked no more: what is left is unjudged, and judged before its attempt.
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
