import { hash } from 'node:crypto';
import type { Delivery, DeliveryAttempt } from '../delivery/delivery.ts';

/** Failed deliveries of a subscription that went wrong alike. */
export interface ErrorGroup {
  readonly fingerprint: string;
  readonly subscription: string;
  /** HTTP status of the last attempt; undefined without an answer. */
  readonly status: number | undefined;
  readonly error: string | undefined;
  /** Beginning of the latest answer. */
  readonly response: string | undefined;
  readonly deliveries: number;
  /** Deliveries that are tried again by themselves. */
  readonly waiting: number;
  /** Exhausted ones: nothing but a replay sends them. */
  readonly ended: number;
  /** ISO 8601, of the events. */
  readonly firstAt: string;
  readonly lastAt: string;
  readonly latest: Delivery;
}

const fingerprintLength = 12;
/** Characters of an answer that tell what it is; what follows is often a trace of the one request. */
const shapeLength = 160;

/** Group failed deliveries by what went wrong at their last attempt; the largest group comes first. */
export function groupErrors(deliveries: readonly Delivery[]): readonly ErrorGroup[] {
  const failed = deliveries.flatMap((delivery) => {
    const last = delivery.attempts.at(-1);
    const isFailing = delivery.state === 'exhausted' || delivery.state === 'retrying' || delivery.state === 'waiting';
    return isFailing && last !== undefined ? [{ delivery, last }] : [];
  });
  const groups = Map.groupBy(failed, ({ delivery, last }) => fingerprintOf(delivery.subscription, last));
  return [...groups]
    .map(([fingerprint, members]) => toGroup(fingerprint, members))
    .sort((one, other) => other.deliveries - one.deliveries || (one.lastAt < other.lastAt ? 1 : -1));
}

interface Failed {
  readonly delivery: Delivery;
  readonly last: DeliveryAttempt;
}

function toGroup(fingerprint: string, members: readonly Failed[]): ErrorGroup {
  const [first, ...others] = members.toSorted((one, other) =>
    one.delivery.timestamp < other.delivery.timestamp ? -1 : 1,
  ) as [Failed, ...Failed[]];
  const latest = others.at(-1) ?? first;
  const ended = members.filter(({ delivery }) => delivery.state === 'exhausted').length;
  return {
    fingerprint,
    subscription: latest.delivery.subscription,
    status: latest.last.status,
    error: latest.last.error,
    response: latest.last.response,
    deliveries: members.length,
    waiting: members.length - ended,
    ended,
    firstAt: first.delivery.timestamp,
    lastAt: latest.delivery.timestamp,
    latest: latest.delivery,
  };
}

/** The same for failures that differ only in ids, numbers and times. */
function fingerprintOf(subscription: string, { status, error, response }: DeliveryAttempt): string {
  const parts = [subscription, status ?? '', shapeOf(error ?? ''), shapeOf(response ?? '')];
  return hash('sha256', JSON.stringify(parts)).slice(0, fingerprintLength);
}

function shapeOf(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8,}(-[0-9a-f]{4,}){0,4}/gi, '#')
    .replaceAll(/\d+/g, '#')
    .replaceAll(/\s+/g, ' ')
    .slice(0, shapeLength);
}
