import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

/** Header of callbacks that counts how often what caused an event has passed through this deployment. */
export const hopHeader = 'tributary-hops';
/** What the key that signs counts is derived for. */
export const hopKeyPurpose = 'hops';
/** A webhook, an event of its callback, and an event of that one's: what goes on is a loop. */
export const maxHops = 3;

const signatureBytes = 16;
/** API Gateway joins headers of one name by commas; more counts than an event can have hops are not looked at. */
const maxCounts = 8;
const countPattern = /^([1-9]\d{0,2})\.([\w-]{1,64})\.([\w-]{22})$/;

/** A count as the engine itself has written it. */
export interface HopCount {
  readonly hops: number;
  /** The `webhook-id` of the callback that carried it. */
  readonly id: string;
}

/**
 * Write a callback's count: `<hops>.<webhook-id>.<signature>`.
 *
 * The signature covers the two before it and no more, so that a relay may pass on this header alone, with a body of its
 * own. A receiver can repeat a count that it was given, on requests that it makes itself; it can make none.
 */
export function writeHops(key: Buffer, { hops, id }: HopCount): string {
  return `${hops}.${id}.${sign(key, hops, id).toString('base64url')}`;
}

/** Whether a header may hold a count: only then is the key worth asking for. */
export function holdsHops(header: string | undefined): header is string {
  return header !== undefined && candidatesOf(header).length > 0;
}

/** @returns The highest count that this deployment has signed; undefined where there is none. */
export function readHops(key: Buffer, header: string): HopCount | undefined {
  return candidatesOf(header)
    .flatMap(([, digits = '', id = '', signature = '']) => {
      const hops = Number(digits);
      const given = Buffer.from(signature, 'base64url');
      const isOurs = given.length === signatureBytes && timingSafeEqual(given, sign(key, hops, id));
      return isOurs ? [{ hops, id }] : [];
    })
    .reduce<HopCount | undefined>((most, one) => (most === undefined || one.hops > most.hops ? one : most), undefined);
}

function candidatesOf(header: string): readonly RegExpExecArray[] {
  return header
    .split(',', maxCounts)
    .map((text) => countPattern.exec(text.trim()))
    .filter((match) => match !== null);
}

function sign(key: Buffer, hops: number, id: string): Buffer {
  return createHmac('sha256', createSecretKey(key)).update(`${hops}.${id}`).digest().subarray(0, signatureBytes);
}
