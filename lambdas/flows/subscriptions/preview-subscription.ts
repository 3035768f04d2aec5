import { limits } from '../../contracts/limits.ts';
import type { ShapingOptions } from '../../engine/shaping/shaping-schema.ts';
import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import { type AttemptPorts, prepareCallback } from '../deliver/attempt/attempt-delivery.ts';
import { ownerOf } from '../deliver/attempt/own-failure.ts';
import { prepareSubscription } from '../deliver/attempt/prepare-subscription.ts';
import { type EventPayloads, isForGood, tryToEvent } from '../feed/read-event.ts';
import { newSecret } from './create-subscription.ts';

export interface Preview {
  /** Undefined where the filter could not decide. */
  readonly isWanted: boolean | undefined;
  readonly body: string | undefined;
  readonly contentType: string | undefined;
  readonly fault: { readonly of: 'filter' | 'transform' | 'event'; readonly message: string } | undefined;
}

/**
 * What a subscription with these options would make of an event. It runs as deliver runs it: in the time and memory of
 * its tenant.
 */
export async function previewSubscription(
  ports: AttemptPorts & EventPayloads,
  shaping: ShapingOptions,
  row: EventRow,
): Promise<Preview> {
  const event = await tryToEvent(ports, row, isForGood);
  const prepared = prepareSubscription(imagined(ports, row.tenant, shaping));
  const none = { body: undefined, contentType: undefined };
  if ('kind' in event) return { ...none, isWanted: undefined, fault: { of: 'event', message: event.error } };
  const { filter } = shaping;
  if (filter !== undefined) {
    const run = await ports.expressions.run('judge', { filter, event }, ownerOf(prepared.subscription));
    if (run.kind === 'died') return { ...none, isWanted: undefined, fault: { of: 'filter', message: run.reason } };
    if (run.result.kind === 'undecided')
      return { ...none, isWanted: undefined, fault: { of: 'filter', message: run.result.reason } };
    if (run.result.kind === 'unwanted') return { ...none, isWanted: false, fault: undefined };
  }
  const callback = await prepareCallback(ports, prepared, row.id, [event], { isReplay: false });
  if (callback.kind === 'failed') {
    const of = shaping.transform === undefined ? ('event' as const) : ('transform' as const);
    return { ...none, isWanted: true, fault: { of, message: callback.error } };
  }
  const { body, headers } = callback.request;
  return { isWanted: true, body, contentType: headers['content-type'], fault: undefined };
}

/** A subscription that is stored nowhere. */
function imagined({ clock, randomness }: AttemptPorts, tenant: string, shaping: ShapingOptions): Subscription {
  const createdAt = new Date(clock.nowMs()).toISOString();
  return {
    id: 'preview',
    url: 'https://preview.invalid/',
    tenant,
    types: [],
    resources: [],
    integrations: [],
    accounts: [],
    status: 'enabled',
    secrets: [{ value: newSecret(randomness), createdAt }],
    endpoint: { headers: {}, timeout_seconds: limits.callbackTimeoutMs / 1000 },
    shaping,
    ordering: 'none',
    concurrency: 1,
    createdAt,
    revision: 1,
  };
}
