import type { ShadowMessage } from '../../contracts/messages.ts';
import { type SubscriptionRoute, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import type { ShadowQueue } from '../../ports/events/queues.ts';

/** Events of one message: it holds ids only. */
const eventsTogether = 50;

/**
 * Ask for the posts to a tenant's second endpoint. A message that the queue does not take is lost, and nothing else: the
 * second endpoint may never cost the first one an event (invariant 12).
 */
export async function queueShadows(
  shadowQueue: ShadowQueue | undefined,
  wanted: readonly { readonly subscription: SubscriptionRoute; readonly row: EventRow }[],
): Promise<void> {
  const messages: ShadowMessage[] = [];
  for (const group of Map.groupBy(wanted, ({ subscription }) => `${scopeOf(subscription)} ${subscription.id}`).values())
    for (let at = 0; at < group.length; at += eventsTogether) {
      const some = group.slice(at, at + eventsTogether);
      const [{ subscription, row }] = some as [(typeof some)[number]];
      const events = some.map(({ row: { id, sequence } }) => ({ id, sequence }));
      const named = { subscription: subscription.id, scope: scopeOf(subscription), tenant: row.tenant };
      messages.push({ kind: 'shadow', ...named, events });
    }
  if (messages.length > 0) await shadowQueue?.sendAll(messages).catch(() => undefined);
}
