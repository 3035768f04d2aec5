import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { EngineError } from '../../contracts/engine-error.ts';

/** An Ed25519 key pair for `v1a` signatures, in the format of Standard Webhooks. */
export interface SigningKey {
  /** `key_<thumbprint>` (RFC 7638): the same key has the same id everywhere. */
  readonly id: string;
  /** `whsk_<base64>`. Never leaves the engine. */
  readonly privateKey: string;
  /** `whpk_<base64>`, for receivers. */
  readonly publicKey: string;
}

/** The public half of a signing key, as a JWK set publishes it. */
export interface SigningJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
}

const privatePrefix = 'whsk_';
const publicPrefix = 'whpk_';
const seedBytes = 32;
const publicBytes = 32;
/** The PKCS #8 form of an Ed25519 key is this prefix and the seed. @see https://www.rfc-editor.org/rfc/rfc8410 */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Make a signing key.
 *
 * The private half holds the seed and the public key, 64 bytes: the format of libsodium, Go and Svix's `whsk_`.
 *
 * @param seed - 32 random bytes; the same seed gives the same key.
 * @throws {RangeError} when the seed has another length.
 * @see https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5
 */
export function generateSigningKey(seed: Buffer): SigningKey {
  if (seed.length !== seedBytes) throw new RangeError(`an Ed25519 seed has ${seedBytes} bytes, got ${seed.length}`);
  const x = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' }).x ?? '';
  const raw = Buffer.from(x, 'base64url');
  return {
    id: `key_${thumbprint(x)}`,
    privateKey: `${privatePrefix}${Buffer.concat([seed, raw]).toString('base64')}`,
    publicKey: `${publicPrefix}${raw.toString('base64')}`,
  };
}

/** The public JWK that receivers fetch to verify callbacks. */
export function toJwk({ id, publicKey }: Pick<SigningKey, 'id' | 'publicKey'>): SigningJwk {
  const x = Buffer.from(publicKey.slice(publicPrefix.length), 'base64').toString('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid: id, use: 'sig', alg: 'EdDSA' };
}

/**
 * Read a `whsk_…` key: a seed, alone or with its public key.
 *
 * @throws {corrupt-state} when the text has another form.
 */
export function readPrivateKey(text: string): KeyObject {
  const bytes = Buffer.from(text.slice(privatePrefix.length), 'base64');
  const isKey = bytes.length === seedBytes || bytes.length === seedBytes + publicBytes;
  if (!text.startsWith(privatePrefix) || !isKey)
    throw new EngineError('corrupt-state', 'a signing key is not an Ed25519 key', { retryable: false });
  return privateKeyOf(bytes.subarray(0, seedBytes));
}

function privateKeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
}

/** @see https://www.rfc-editor.org/rfc/rfc8037#appendix-A.3 */
function thumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}
