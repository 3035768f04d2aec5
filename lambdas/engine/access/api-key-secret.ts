import { createHash, timingSafeEqual } from 'node:crypto';

/** One secret of a key; several are good at once while the key rotates. Never the secret itself. */
export interface ApiKeySecret {
  /** Hexadecimal. A secret is 32 random bytes: there is nothing to guess, so the hash need not be slow. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Epoch milliseconds from which it is refused; undefined for the current one. */
  readonly expiresAtMs?: number | undefined;
}

/** `tk_<id>_<secret>` in its two parts. */
export interface PresentedKey {
  readonly id: string;
  readonly secret: string;
}

const keyPattern = /^tk_([A-Za-z0-9]{1,64})_([\x21-\x7e]{1,256})$/;

/** @returns Undefined for what is no key. */
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
 * The secret of a key that a text is, of those that are good now.
 *
 * All are compared, and without any the text is compared with zeros: an unknown key takes as long as a wrong secret.
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
