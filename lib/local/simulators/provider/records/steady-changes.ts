import type { ProviderRecords } from './provider-records.ts';
import { createRandomChanges, type RandomChangesOptions } from './random-changes.ts';

export interface SteadyChangesOptions extends RandomChangesOptions {
  readonly perMinute: number;
  /** Called for each change that failed. */
  readonly onFailure: (error: Error) => void;
}

export interface SteadyChanges {
  /** How many changes were made. */
  count(): number;
  stop(): void;
}

/** Change records at a rate, by the system's clock. */
export function startSteadyChanges(
  records: ProviderRecords,
  { perMinute, onFailure, ...drawn }: SteadyChangesOptions,
): SteadyChanges {
  const changes = createRandomChanges(records, drawn);
  let isBusy = false;
  const timer = setInterval(() => {
    // Wait for a change that takes longer than the interval.
    if (isBusy) return;
    isBusy = true;
    changes
      .next()
      .catch(onFailure)
      .finally(() => {
        isBusy = false;
      });
  }, 60_000 / perMinute);
  return { count: () => changes.count(), stop: () => clearInterval(timer) };
}
