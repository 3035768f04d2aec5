import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

export type PublicKeyType = 'ec' | 'rsa' | 'ed25519';

const ed25519KeyBytes = 32;
/** The SPKI form of an Ed25519 key is this prefix and the raw key. @see https://www.rfc-editor.org/rfc/rfc8410 */
const ed25519SpkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
/** Most keys to try per text; providers publish smaller sets. */
const maxKeys = 20;

/**
 * Read the keys of one type from a text: PEM (also a certificate), a JWK or JWK set, base64 SPKI (DER), or the
 * 32 bytes of an Ed25519 key in hex or base64. Empty if the text holds no such key.
 *
 * @param keyId - Selects keys of a set by id; undefined selects all.
 */
export function readPublicKeys(text: string, type: PublicKeyType, keyId?: string): readonly KeyObject[] {
  const keys = text.trimStart().startsWith('{') ? readJwks(text, keyId) : readEncoded(text);
  return keys.filter((key) => key.asymmetricKeyType === type);
}

function readJwks(text: string, keyId: string | undefined): readonly KeyObject[] {
  const parsed = attempt(() => JSON.parse(text) as JsonWebKey & { readonly keys?: readonly JsonWebKey[] });
  if (parsed === undefined) return [];
  const listed = Array.isArray(parsed.keys)
    ? (parsed.keys as readonly JsonWebKey[]).filter(
        (key) => keyId === undefined || key?.['kid'] === undefined || key['kid'] === keyId,
      )
    : [parsed];
  return listed
    .slice(0, maxKeys)
    .filter((key) => key?.kty !== 'oct')
    .flatMap((key) => attempt(() => createPublicKey({ key, format: 'jwk' })) ?? []);
}

function readEncoded(text: string): readonly KeyObject[] {
  const readers = [
    () => createPublicKey(text),
    () => createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' }),
    () => rawEd25519(Buffer.from(text, 'hex')),
    () => rawEd25519(Buffer.from(text, 'base64')),
  ];
  for (const read of readers) {
    const key = attempt(read);
    if (key !== undefined) return [key];
  }
  return [];
}

function rawEd25519(raw: Buffer): KeyObject {
  if (raw.length !== ed25519KeyBytes) throw new TypeError('not a raw Ed25519 key');
  return createPublicKey({ key: Buffer.concat([ed25519SpkiPrefix, raw]), format: 'der', type: 'spki' });
}

/** The reader's key; undefined if it throws because the text has another format. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
