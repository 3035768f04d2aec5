import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { DeliveryKey } from '../../../ports/delivery/delivery-store.ts';

const prefix = 'dlv_';
/** Subscription, instant in base 36, event: none of them has a space. */
const parts = /^([A-Za-z0-9][\w-]{0,127}) ([0-9a-z]{1,9}) ([\w-]{1,64})$/;

/** The id of a delivery: its key, in one word. What is read from it is a claim of the caller's, not to be trusted. */
export function deliveryId({ subscription, timestamp, event }: Pick<Delivery, keyof DeliveryKey>): string {
  const key = `${subscription} ${Date.parse(timestamp).toString(36)} ${event}`;
  return `${prefix}${Buffer.from(key).toString('base64url')}`;
}

/** @returns Undefined for what {@link deliveryId} does not make. */
export function readDeliveryId(id: string): DeliveryKey | undefined {
  if (!id.startsWith(prefix)) return undefined;
  const [, subscription, instant, event] =
    parts.exec(Buffer.from(id.slice(prefix.length), 'base64url').toString('latin1')) ?? [];
  if (subscription === undefined || instant === undefined || event === undefined) return undefined;
  const key = { subscription, timestamp: new Date(Number.parseInt(instant, 36)).toISOString(), event };
  // One delivery has one id.
  return deliveryId(key) === id ? key : undefined;
}
