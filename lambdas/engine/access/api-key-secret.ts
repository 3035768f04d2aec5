import { createHash, timingSafeEqual } from 'node:crypto';

/** The stored form of one secret of a key, never the secret itself. During a rotation, a key has several valid ones. */
export interface ApiKeySecret {
  /** Hexadecimal. A secret is 32 random bytes, which cannot be guessed, so a fast hash is enough. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Epoch milliseconds from which it is rejected; undefined for the current secret. */
  readonly expiresAtMs?: number | undefined;
}

/** The two parts of `tk_<id>_<secret>`. */
export interface PresentedKey {
  readonly id: string;
  readonly secret: string;
}

const keyPattern = /^tk_([A-Za-z0-9]{1,64})_([\x21-\x7e]{1,256})$/;

/** @returns Undefined if the text is not a key. */
export function readApiKey(text: string): PresentedKey | undefined {
  const [, id, secret] = keyPattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function writeApiKey({ id, secret }: PresentedKey): string {
  return `tk_${id}_${secret}`;
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/**
 * Find the valid secret that a text matches.
 *
 * It compares the text with all secrets, or with zeros if there are none, so an unknown key takes as long as a wrong
 * secret.
 */
export function findSecret(secrets: readonly ApiKeySecret[], text: string, nowMs: number): ApiKeySecret | undefined {
  const given = createHash('sha256').update(text).digest();
  const good = secrets.filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs);
  if (good.length === 0) timingSafeEqual(given, Buffer.alloc(given.length));
  const matching = good.filter(({ sha256 }) => {
    const stored = Buffer.from(sha256, 'hex');
    return timingSafeEqual(given, stored.length === given.length ? stored : Buffer.alloc(given.length));
  });
  return matching[0];
}
