import { createHmac, createSecretKey, sign } from 'node:crypto';
import { EngineError } from '../../contracts/engine-error.ts';
import { readPrivateKey, type SigningKey } from './signing-keys.ts';

const secretPrefix = 'whsec_';

/** What a callback is signed with. */
export interface CallbackKeys {
  /** `whsec_…`, all that are current; each gives a `v1` signature (HMAC-SHA256). */
  readonly secrets: readonly string[];
  /** All that are current; each gives a `v1a` signature (Ed25519). */
  readonly signingKeys?: readonly Pick<SigningKey, 'privateKey'>[];
}

/** Write key bytes as a Standard Webhooks secret: `whsec_<base64>`. */
export function encodeSecret(key: Buffer): string {
  return `${secretPrefix}${key.toString('base64')}`;
}

/**
 * The headers of one callback. Its signatures stand in one list, those of secrets first: a receiver takes
 * the one that is of its kind and key, and passes over the others.
 *
 * @param keys - A list alone is one of secrets.
 * @param timestampSeconds - Epoch seconds of this attempt, not of the event.
 * @throws {corrupt-state} when there is nothing to sign with: no callback leaves unsigned.
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
      // A key of Node's own kind: with a buffer, a MAC takes several times as long.
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
