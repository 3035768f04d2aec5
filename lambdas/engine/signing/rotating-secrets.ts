/** A secret of an endpoint: the newest, or a replaced one that still signs during the overlap. */
export interface SigningSecret {
  /** `whsec_…` */
  readonly value: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Epoch milliseconds at which it stops signing; absent for the newest. */
  readonly expiresAtMs?: number;
}

/** Most secrets that sign at a time: each adds 48 bytes to the header and makes every callback more expensive. */
const maxSecrets = 5;
/** One day, to give every receiver the new secret. */
const defaultOverlapSeconds = 86_400;

/** The values that sign now, newest first. */
export function currentSecrets(secrets: readonly SigningSecret[], nowMs: number): readonly string[] {
  return secrets.filter((secret) => isCurrent(secret, nowMs)).map(({ value }) => value);
}

/**
 * Add a new secret before the others. The others expire at the end of the overlap, or earlier if an earlier
 * rotation said so. Drop expired secrets, and the oldest ones if more than five would remain.
 *
 * @param secrets - Newest first.
 * @param newValue - `whsec_…`
 * @param overlapSeconds - How long the others still sign; 0 expires them immediately.
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
