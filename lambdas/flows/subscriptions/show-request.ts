import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { EventReader, EventRow } from '../../ports/events/event-store.ts';
import { type AttemptPorts, prepareCallback } from '../deliver/attempt/attempt-delivery.ts';
import { prepareSubscription } from '../deliver/attempt/prepare-subscription.ts';
import { readPrevious } from '../deliver/attempt/read-previous.ts';
import { type EventPayloads, isForGood, tryToEvent } from '../feed/read-event.ts';
import { masked, type SentCallback, shown } from './test-endpoint.ts';

export interface ShowRequestPorts extends AttemptPorts, EventPayloads {
  readonly events: Pick<EventReader, 'getMany'>;
}

export type ShownRequest =
  | { readonly kind: 'shown'; readonly url: string; readonly sent: SentCallback; readonly signedContent: string }
  /** No callback can be made of the event. */
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Make the request of an attempt anew: from the stored event, the subscription as it is now, and the time of the
 * attempt. Nothing is sent, and no token is asked for.
 *
 * @param atMs - When the attempt was made, epoch milliseconds.
 * @param attempt - Its number.
 */
export async function showRequest(
  ports: ShowRequestPorts,
  subscription: Subscription,
  row: EventRow,
  { atMs, attempt, isReplay }: { readonly atMs: number; readonly attempt: number; readonly isReplay: boolean },
): Promise<ShownRequest> {
  const { auth } = subscription.endpoint;
  // An OAuth token would be fetched from a third party.
  const own =
    auth?.type === 'oauth2'
      ? { ...subscription, endpoint: { ...subscription.endpoint, auth: undefined } }
      : subscription;
  const event = await tryToEvent(ports, row, isForGood);
  if ('kind' in event) return { kind: 'failed', reason: event.error };
  const callback = await prepareCallback(ports, prepareSubscription(own), row.id, [event], {
    isReplay,
    hops: row.hops ?? 1,
    attempt,
    previous: await readPrevious(ports, subscription, [row]),
    signedAtMs: atMs,
  });
  if (callback.kind === 'failed') return { kind: 'failed', reason: callback.error };
  const { headers, body } = shown(own, callback.request);
  return {
    kind: 'shown',
    url: subscription.url,
    sent: { headers: { ...headers, ...(auth?.type === 'oauth2' ? { authorization: masked } : {}) }, body },
    signedContent: `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`,
  };
}
