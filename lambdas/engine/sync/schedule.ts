import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import { defaultIntervalMs, leastIntervalMs } from '../provider/language/sync-timing.ts';
import { durationMs } from '../provider/request/call-transforms.ts';
import type { SyncTiming } from './sync-job.ts';

const dayMs = 86_400_000;

/** The interval of a sync, where no bounds let it change. */
export function intervalOf({ every }: SyncTiming): number {
  return Math.max(leastIntervalMs, (every === undefined ? undefined : durationMs(every)) ?? defaultIntervalMs);
}

/**
 * The interval after a run: shorter where much changed, longer where nothing did or the provider's quota is nearly used
 * up, within the bounds that the job declares. Without bounds it stays.
 */
export function nextInterval(
  timing: SyncTiming,
  currentMs: number | undefined,
  { changed, isShort }: { readonly changed: number; readonly isShort: boolean },
): number {
  const ownMs = intervalOf(timing);
  if (timing.between === undefined) return ownMs;
  const [least = ownMs, most = ownMs] = timing.between.map((text) => durationMs(text) ?? ownMs);
  const factor = isShort ? 2 : changed > 0 ? 0.5 : 1.5;
  return Math.round(Math.min(most, Math.max(least, leastIntervalMs, (currentMs ?? ownMs) * factor)));
}

/**
 * The next time after a moment: by `cron`, else by interval. Each sync has its own place within the interval, so that
 * accounts that were created together do not run together.
 *
 * @param key - Names the sync.
 */
export function nextRunMs(timing: SyncTiming, key: string, intervalMs: number, afterMs: number): number {
  if (timing.cron !== undefined) return nextCronMs(timing.cron, timing.time_zone, afterMs) ?? afterMs + dayMs;
  const offsetMs = Math.floor(fractionOf(key) * intervalMs);
  return Math.floor((afterMs - offsetMs) / intervalMs + 1) * intervalMs + offsetMs;
}

/** When all records are compared next; undefined where never. Once a day by default, at a time of the sync's own. */
export function nextReconcileMs(timing: SyncTiming, key: string, afterMs: number): number | undefined {
  if (timing.reconcile === 'off') return undefined;
  if (timing.reconcile !== undefined) return nextCronMs(timing.reconcile, timing.time_zone, afterMs);
  const offsetMs = Math.floor(fractionOf(`reconcile ${key}`) * dayMs);
  return Math.floor((afterMs - offsetMs) / dayMs + 1) * dayMs + offsetMs;
}

/** @returns Undefined for an expression that has no next time. */
function nextCronMs(expression: string, zone: string | undefined, afterMs: number): number | undefined {
  return new Cron(expression, { timezone: zone ?? 'UTC', mode: '5-part' }).nextRun(new Date(afterMs))?.getTime();
}

/** From 0 to 1, evenly spread over names. */
function fractionOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32;
}

/** Longest pause of a sync that fails; a probe follows. */
const maxPauseMs = 6 * 3_600_000;

/** The pause after failures in a row: doubles from a minute, with jitter. */
export function failurePauseMs(failures: number, fraction: number): number {
  return Math.min(maxPauseMs, 60_000 * 2 ** Math.min(failures - 1, 12)) * (0.75 + 0.5 * fraction);
}
