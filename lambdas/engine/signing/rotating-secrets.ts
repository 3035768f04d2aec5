/** A secret of an endpoint: the newest, or one that it replaced and that still signs for a while. */
export interface SigningSecret {
  /** `whsec_…` */
  readonly value: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Epoch milliseconds from which it no longer signs; absent of the newest. */
  readonly expiresAtMs?: number;
}

/** Secrets that sign at a time: each makes the header longer by 48 bytes, and every callback dearer. */
const maxSecrets = 5;
/** A day to give every receiver the new secret. */
const defaultOverlapSeconds = 86_400;

/** The values that sign now, newest first. */
export function currentSecrets(secrets: readonly SigningSecret[], nowMs: number): readonly string[] {
  return secrets.filter((secret) => isCurrent(secret, nowMs)).map(({ value }) => value);
}

/**
 * Put a new secret before the others. Those end when the overlap does, or earlier where an earlier rotation
 * said so; what has ended is dropped, and so is the oldest where there would be more than five.
 *
 * @param secrets - Newest first.
 * @param newValue - `whsec_…`
 * @param overlapSeconds - How long the others still sign; 0 ends them at once.
 * @returns Newest first.
 */
export function rotate(
  secrets: readonly SigningSecret[],
  newValue: string,
  overlapSeconds: number | undefined,
  nowMs: number,
): readonly SigningSecret[] {
  const endMs = nowMs + Math.max(0, overlapSeconds ?? defaultOverlapSeconds) * 1000;
  const older = secrets
    .filter(({ value }) => value !== newValue)
    .map((secret) => ({ ...secret, expiresAtMs: Math.min(secret.expiresAtMs ?? endMs, endMs) }))
    .filter((secret) => isCurrent(secret, nowMs));
  return [{ value: newValue, createdAt: new Date(nowMs).toISOString() }, ...older].slice(0, maxSecrets);
}

function isCurrent({ expiresAtMs }: SigningSecret, nowMs: number): boolean {
  return expiresAtMs === undefined || nowMs < expiresAtMs;
}
