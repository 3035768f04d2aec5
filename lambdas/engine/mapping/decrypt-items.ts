import { constants, createDecipheriv, createHmac, privateDecrypt, timingSafeEqual } from 'node:crypto';
import { valuesOf } from '../request/secret-values.ts';
import type { SecretValues } from '../request/webhook-request.ts';
import { parseSource, readPath } from '../template/template.ts';
import type { DecryptSpec } from './decrypt-schema.ts';

export type Decryption =
  | { readonly kind: 'decrypted'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly reason: string };

const aes256KeyBytes = 32;
const initializationVectorBytes = 16;
/** Encrypted items in one request; each costs an RSA operation. */
const maxItems = 100;

/**
 * Decrypt the encrypted items of a body: first the symmetric key with RSA-OAEP, then, if the HMAC matches, the content
 * with AES-256-CBC.
 *
 * @returns A copy of the body in which each item holds its decrypted content.
 * @see https://learn.microsoft.com/en-us/graph/change-notifications-with-resource-data
 */
export function decryptItems(spec: DecryptSpec, decoded: unknown, secrets: SecretValues): Decryption {
  const source = parseSource(spec.items);
  const path = source?.from === 'json' ? source.path : [];
  const items = readPath(decoded, path);
  const from = spec.from.split('.');
  const encrypted = Array.isArray(items)
    ? (items as unknown[]).filter((item) => readPath(item, from) != null).length
    : 0;
  if (encrypted === 0) return { kind: 'decrypted', body: decoded };
  if (encrypted > maxItems) return { kind: 'failed', reason: `more than ${maxItems} encrypted items` };
  const keys = valuesOf(secrets, spec.key.secret);
  if (keys.length === 0) return { kind: 'failed', reason: `the secret "${spec.key.secret}" is not configured` };
  const read: unknown[] = [];
  for (const item of items as unknown[]) {
    const sealed = readPath(item, from);
    if (sealed == null) {
      read.push(item);
      continue;
    }
    const content = decryptContent(spec, sealed, keys);
    if (content === undefined) return { kind: 'failed', reason: 'an item could not be decrypted with the private key' };
    read.push({ ...(item as object), [spec.into]: content });
  }
  return { kind: 'decrypted', body: withValueAt(decoded, path, read) };
}

/** A copy of a value with the replacement at a path. Parts outside the path are shared, not copied. */
function withValueAt(value: unknown, [key, ...rest]: readonly string[], replacement: unknown): unknown {
  if (key === undefined) return replacement;
  const inner = withValueAt((value as Record<string, unknown>)[key], rest, replacement);
  return Array.isArray(value)
    ? (value as unknown[]).map((one, index) => (String(index) === key ? inner : one))
    : { ...(value as object), [key]: inner };
}

function decryptContent(spec: DecryptSpec, encrypted: unknown, privateKeys: readonly string[]): unknown {
  const bytesAt = (path: string): Buffer | undefined => {
    const text = readPath(encrypted, path.split('.'));
    return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined;
  };
  const [wrapped, content, signature] = [bytesAt(spec.key.from), bytesAt(spec.content), bytesAt(spec.signature)];
  if (wrapped === undefined || content === undefined || signature === undefined) return undefined;
  for (const key of privateKeys) {
    try {
      const symmetric = privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, wrapped);
      const expected = createHmac('sha256', symmetric).update(content).digest();
      if (symmetric.length !== aes256KeyBytes || expected.length !== signature.length) continue;
      if (!timingSafeEqual(expected, signature)) continue;
      const decipher = createDecipheriv('aes-256-cbc', symmetric, symmetric.subarray(0, initializationVectorBytes));
      return JSON.parse(Buffer.concat([decipher.update(content), decipher.final()]).toString('utf8'));
    } catch {
      // Wrong key, or the content is not JSON: try the next key.
    }
  }
  return undefined;
}
