import { CompactEncrypt } from 'jose';
import type { EncryptionKey } from './encryption-key.ts';
import { changeFields, type FieldTree } from './field-paths.ts';

export type Encryption<T> =
  | { readonly kind: 'encrypted'; readonly data: T }
  | { readonly kind: 'failed'; readonly reason: string };

/** Most values to encrypt per event; each costs a public-key operation. */
const maxValues = 1000;

/**
 * Replace each named value with a compact JWE of its JSON text; a named list is one value.
 * Each value gets a new random key and vector, so equal values look different. Therefore the body differs
 * between attempts of a callback.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7516#section-7.1
 */
export async function encryptFields<T>(data: T, tree: FieldTree, key: EncryptionKey): Promise<Encryption<T>> {
  const plain: unknown[] = [];
  changeFields(data, tree, (value) => plain.push(value));
  if (plain.length > maxValues)
    return { kind: 'failed', reason: `${plain.length} values, expected at most ${maxValues}: name the list itself` };
  try {
    const encrypted = await Promise.all(plain.map((value) => encryptValue(value, key)));
    return { kind: 'encrypted', data: changeFields(data, tree, () => encrypted.shift()) };
  } catch {
    // Some keys can be read but not used, for example a point of small order.
    return { kind: 'failed', reason: 'the key cannot be used' };
  }
}

async function encryptValue(value: unknown, { publicKey, algorithm, keyId }: EncryptionKey): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: algorithm, enc: 'A256GCM', ...(keyId === undefined ? {} : { kid: keyId }) })
    .encrypt(publicKey);
}
