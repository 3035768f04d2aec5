import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../governance/erasure-certificate.ts';

/** The list that a cursor belongs to; any other list rejects it. */
export interface CursorBinding {
  /** Tenant of the list; `*` for a list over all tenants. */
  readonly tenant: string;
  /** The list: an `operationId`, or `feed`. */
  readonly list: string;
  /** Parameters of the list, except those that select a page. */
  readonly parameters: unknown;
}

const version = 1;
const macBytes = 16;
const positionStart = 1 + macBytes;

/** The first bytes of an HMAC. The length of the binding keeps binding and position apart. */
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
 * position but cannot change it.
 *
 * @param key - The engine's key for cursors.
 */
export function signCursor(key: Buffer, binding: CursorBinding, position: unknown): string {
  const bytes = Buffer.from(JSON.stringify(position));
  return Buffer.concat([Buffer.from([version]), macOf(key, binding, bytes), bytes]).toString('base64url');
}

/** @returns The position; undefined unless {@link signCursor} wrote the text with this key for this binding. */
export function readSignedCursor(key: Buffer, binding: CursorBinding, text: string): unknown {
  const bytes = Buffer.from(text, 'base64url');
  // The decoder ignores unknown characters and spare bits; compare, so that a cursor has only one text.
  if (bytes.length <= positionStart || bytes[0] !== version || bytes.toString('base64url') !== text) return undefined;
  const position = bytes.subarray(positionStart);
  if (!timingSafeEqual(bytes.subarray(1, positionStart), macOf(key, binding, position))) return undefined;
  return JSON.parse(position.toString('utf8'));
}
