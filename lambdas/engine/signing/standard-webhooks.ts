import { createHmac, createSecretKey, sign } from 'node:crypto';
import { EngineError } from '../../contracts/engine-error.ts';
import { readPrivateKey, type SigningKey } from './signing-keys.ts';

const secretPrefix = 'whsec_';

/** The keys that sign a callback. */
export interface CallbackKeys {
  /** All current secrets, `whsec_…`; each gives a `v1` signature (HMAC-SHA256). */
  readonly secrets: readonly string[];
  /** All current signing keys; each gives a `v1a` signature (Ed25519). */
  readonly signingKeys?: readonly Pick<SigningKey, 'privateKey'>[];
}

/** Write key bytes as a Standard Webhooks secret: `whsec_<base64>`. */
export function encodeSecret(key: Buffer): string {
  return `${secretPrefix}${key.toString('base64')}`;
}

/**
 * Build the signed headers of one callback. One list holds all signatures, those of secrets first: a receiver
 * uses the signature of its kind and key and ignores the others.
 *
 * @param keys - A plain list holds secrets.
 * @param timestampSeconds - Epoch seconds of this attempt, not of the event.
 * @throws {corrupt-state} when there is no key: no callback is sent unsigned.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signCallback(
  keys: CallbackKeys | readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const { secrets, signingKeys = [] } = 'secrets' in keys ? keys : { secrets: keys };
  const signed = `${id}.${timestampSeconds}.${body}`;
  const signatures = [
    ...secrets.map((secret) => {
      // A KeyObject, because a MAC with a buffer as key takes several times as long.
      const key = createSecretKey(secret.slice(secretPrefix.length), 'base64');
      return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    }),
    ...signingKeys.map(
      ({ privateKey }) => `v1a,${sign(null, Buffer.from(signed), readPrivateKey(privateKey)).toString('base64')}`,
    ),
  ];
  if (signatures.length === 0)
    throw new EngineError('corrupt-state', 'there is no key to sign a callback with', { retryable: false });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}
