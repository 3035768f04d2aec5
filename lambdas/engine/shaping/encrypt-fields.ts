import { CompactEncrypt } from 'jose';
import type { EncryptionKey } from './encryption-key.ts';
import { changeFields, type FieldTree } from './field-paths.ts';

export type Encryption<T> =
  | { readonly kind: 'encrypted'; readonly data: T }
  | { readonly kind: 'failed'; readonly reason: string };

/** Values of one event, each of which costs an operation of the public key. */
const maxValues = 1000;

/**
 * Data with each named value replaced by a compact JWE of its JSON text; a list that is named is one value.
 * Keys and vectors are drawn for each value, so equal values do not look equal: the one thing of a callback
 * that another attempt does not repeat.
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
    // A point of small order, for example, is a key that can be read and not used.
    return { kind: 'failed', reason: 'the key cannot be used' };
  }
}

async function encryptValue(value: unknown, { publicKey, algorithm, keyId }: EncryptionKey): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: algorithm, enc: 'A256GCM', ...(keyId === undefined ? {} : { kid: keyId }) })
    .encrypt(publicKey);
}
