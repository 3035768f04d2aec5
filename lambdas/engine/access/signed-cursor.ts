import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../governance/erasure-certificate.ts';

/** What a cursor is good for: it is refused anywhere else. */
export interface CursorBinding {
  /** Whose list it is; `*` for one over all tenants. */
  readonly tenant: string;
  /** The list: an `operationId`, or `feed`. */
  readonly list: string;
  /** What the list was asked for, beside the page. */
  readonly parameters: unknown;
}

const version = 1;
const macBytes = 16;
const positionStart = 1 + macBytes;

/** The first bytes of an HMAC; the binding goes before the position with its length, so that the two cannot run together. */
function macOf(key: Buffer, { tenant, list, parameters }: CursorBinding, position: Uint8Array): Buffer {
  const binding = canonicalJson([tenant, list, parameters]);
  return createHmac('sha256', key)
    .update(`${version} ${Buffer.byteLength(binding)} ${binding}`)
    .update(position)
    .digest()
    .subarray(0, macBytes);
}

/**
 * Write a position as a cursor: base64url of a version byte, a MAC and the position as JSON. Its holder can read the
 * position, and use no other.
 *
 * @param key - The engine's key for cursors.
 */
export function signCursor(key: Buffer, binding: CursorBinding, position: unknown): string {
  const bytes = Buffer.from(JSON.stringify(position));
  return Buffer.concat([Buffer.from([version]), macOf(key, binding, bytes), bytes]).toString('base64url');
}

/** @returns The position; undefined for what {@link signCursor} has not written with this key for this binding. */
export function readSignedCursor(key: Buffer, binding: CursorBinding, text: string): unknown {
  const bytes = Buffer.from(text, 'base64url');
  // base64url ignores what it does not know, and bits that are left over: one cursor has one text.
  if (bytes.length <= positionStart || bytes[0] !== version || bytes.toString('base64url') !== text) return undefined;
  const position = bytes.subarray(positionStart);
  if (!timingSafeEqual(bytes.subarray(1, positionStart), macOf(key, binding, position))) return undefined;
  return JSON.parse(position.toString('utf8'));
}
