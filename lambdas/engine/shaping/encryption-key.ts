import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/**
 * Algorithm that wraps the content key, by the type of the receiver's key.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-4
 */
const wrapping = { RSA: 'RSA-OAEP-256', EC: 'ECDH-ES+A256KW', OKP: 'ECDH-ES+A256KW' } as const;

export const keyTypes = ['RSA', 'EC', 'OKP'] as const satisfies readonly (keyof typeof wrapping)[];
export const wrappingAlgorithms = ['RSA-OAEP-256', 'ECDH-ES+A256KW'] as const;

const curves: Readonly<Record<string, readonly string[]>> = { EC: ['P-256', 'P-384', 'P-521'], OKP: ['X25519'] };

/** Shorter keys are not safe; longer keys only cost time. */
const minModulusBits = 2048;
const maxModulusBits = 8192;

/** The public members of a JSON Web Key that encryption reads. @see https://www.rfc-editor.org/rfc/rfc7517#section-4 */
export interface PublicJwk {
  readonly kty: (typeof keyTypes)[number];
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
  readonly use?: string | undefined;
  readonly key_ops?: readonly string[] | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
}

/** A receiver's public key, ready to encrypt values. */
export interface EncryptionKey {
  readonly publicKey: KeyObject;
  readonly algorithm: (typeof wrappingAlgorithms)[number];
  readonly keyId: string | undefined;
}

export type ReadEncryptionKey =
  | { readonly kind: 'key'; readonly key: EncryptionKey }
  /** `member` has the fault; undefined if the fault concerns the whole key. */
  | { readonly kind: 'fault'; readonly member?: keyof PublicJwk; readonly message: string };

/** Read a public JWK for encryption; a fault says why the key is unsuitable. */
export function readEncryptionKey(jwk: PublicJwk): ReadEncryptionKey {
  const algorithm = wrapping[jwk.kty];
  if (jwk.alg !== undefined && jwk.alg !== algorithm)
    return fault('alg', `got "${jwk.alg}", expected "${algorithm}", or no alg, for a key of type ${jwk.kty}`);
  if (jwk.use !== undefined && jwk.use !== 'enc')
    return fault('use', `got a key for "${jwk.use}", expected one for encryption ("enc")`);
  if (jwk.key_ops?.some((operation) => operation === 'sign' || operation === 'verify') === true)
    return fault('key_ops', 'got a key for signatures, expected one for encryption');
  const known = curves[jwk.kty];
  if (known !== undefined && !known.includes(jwk.crv ?? ''))
    return fault('crv', `got ${JSON.stringify(jwk.crv ?? null)}, expected ${known.join(', ')}`);

  const { kty, crv, x, y, n, e } = jwk;
  const parts = Object.entries({ kty, crv, x, y, n, e }).filter(([, part]) => part !== undefined);
  const publicKey = readKey(Object.fromEntries(parts) as JsonWebKey);
  if (publicKey === undefined)
    return {
      kind: 'fault',
      message: `not a readable ${kty} key: expected ${kty === 'RSA' ? 'n and e' : 'crv and its point'}, in base64url`,
    };
  const bits = publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && (bits < minModulusBits || bits > maxModulusBits))
    return fault('n', `got ${bits} bits, expected ${minModulusBits} to ${maxModulusBits}`);
  return { kind: 'key', key: { publicKey, algorithm, keyId: jwk.kid } };
}

function readKey(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function fault(member: keyof PublicJwk, message: string): ReadEncryptionKey {
  return { kind: 'fault', member, message };
}
