import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

const fingerprintBytes = 16;
const keyBytes = 9;

/**
 * A digest of a record's data: equal where two readings of the record say the same, whatever the order of their
 * members, and whether a member without a value is null or absent.
 *
 * @param volatile - Paths of members that are left out, such as `rating.score`; in a list, of each element.
 * @returns 22 characters of base64url.
 */
export function fingerprintOf(data: Readonly<Record<string, unknown>>, volatile: readonly string[] = []): string {
  const kept = volatile.reduce<unknown>((value, path) => without(value, path.split('.')), data);
  return digest(canonicalJson(withoutNulls(kept)), fingerprintBytes);
}

/** A digest of the provider's name of a change, short enough to be kept with the state; empty where it has none. */
export function changeKey(name: string | undefined): string {
  return name === undefined ? '' : digest(name, keyBytes);
}

function digest(text: string, bytes: number): string {
  return createHash('sha256').update(text).digest().subarray(0, bytes).toString('base64url');
}

/** A member that is null says what an absent one says: a webhook may leave out what a read has as null. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  const kept = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutNulls(member)]));
}

function without(value: unknown, [member, ...rest]: readonly string[]): unknown {
  if (member === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => without(element, [member, ...rest]));
  if (!Object.hasOwn(value, member)) return value;
  const { [member]: found, ...others } = value as Record<string, unknown>;
  return rest.length === 0 ? others : { ...others, [member]: without(found, rest) };
}
