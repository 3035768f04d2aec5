import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { DeliveryKey } from '../../../ports/delivery/delivery-store.ts';

const prefix = 'dlv_';
/** Subscription, instant in base 36 and event. None of them contains a space. */
const parts = /^([A-Za-z0-9][\w-]{0,127}) ([0-9a-z]{1,9}) ([\w-]{1,64})$/;

/** The id of a delivery: its key, encoded. Callers can forge one, so check access to what it names. */
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
