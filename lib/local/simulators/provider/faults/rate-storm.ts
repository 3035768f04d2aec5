import { fractionOf, type ProviderFaults } from '../draw-fault.ts';

/** Shortest storm: `Retry-After` has whole seconds. */
const leastStormMs = 1_000;

/**
 * The end of the storm of 429 that a call meets. Storms depend on the clock alone: one may come in each stretch of
 * `stormEveryMs`.
 *
 * @returns Epoch milliseconds; undefined outside of storms.
 */
export function stormEnd(
  { stormPercent, stormEveryMs, stormMs }: ProviderFaults,
  seed: string,
  nowMs: number,
): number | undefined {
  if (stormPercent === 0) return undefined;
  const stretch = Math.floor(nowMs / stormEveryMs);
  const draw = (what: string) => fractionOf(`${seed} storm ${stretch} ${what}`);
  if (draw('comes') * 100 >= stormPercent) return undefined;
  const lastsMs = Math.min(stormEveryMs, Math.max(leastStormMs, Math.round(stormMs * draw('length'))));
  const startMs = stretch * stormEveryMs + Math.floor((stormEveryMs - lastsMs) * draw('start'));
  return nowMs >= startMs && nowMs < startMs + lastsMs ? startMs + lastsMs : undefined;
}
