import { createHmac } from 'node:crypto';

const secretPrefix = 'whsec_';

/** Write key bytes as a Standard Webhooks secret: `whsec_<base64>`. */
export function encodeSecret(key: Buffer): string {
  return `${secretPrefix}${key.toString('base64')}`;
}

/**
 * The headers of one callback.
 *
 * @param secrets - `whsec_…`, all that are current; each gives one signature.
 * @param timestampSeconds - Epoch seconds of this attempt, not of the event.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signCallback(
  secrets: readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}
