import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

/** Header of callbacks that counts how often a chain of events has passed through this deployment. */
export const hopHeader = 'tributary-hops';
/** Purpose label for deriving the key that signs hop counts. */
export const hopKeyPurpose = 'hops';
/** A webhook, an event that its callback causes, and an event that the next callback causes: more is a loop. */
export const maxHops = 3;

const signatureBytes = 16;
/** API Gateway joins repeated headers with commas. The reader checks a few entries only, so long headers stay cheap. */
const maxCounts = 8;
const countPattern = /^([1-9]\d{0,2})\.([\w-]{1,64})\.([\w-]{22})$/;

/** A hop count that the engine wrote. */
export interface HopCount {
  readonly hops: number;
  /** The `webhook-id` of the callback that carried it. */
  readonly id: string;
}

/**
 * Write a callback's count: `<hops>.<webhook-id>.<signature>`.
 *
 * The signature covers only `<hops>` and `<webhook-id>`, so a relay can forward this header with a different body. A
 * receiver can copy a count that it received to its own requests, but cannot create one.
 */
export function writeHops(key: Buffer, { hops, id }: HopCount): string {
  return `${hops}.${id}.${sign(key, hops, id).toString('base64url')}`;
}

/** Whether a header may hold a count; if not, there is no need to fetch the key. */
export function holdsHops(header: string | undefined): header is string {
  return header !== undefined && candidatesOf(header).length > 0;
}

/** @returns The highest count that this deployment signed; undefined if the header has none. */
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
