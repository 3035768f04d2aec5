import type { SyncTiming } from './sync-job.ts';

/** Members to change; an omitted member stays as it is, and null clears one. */
export type TimingChange = { readonly [Name in keyof SyncTiming]?: SyncTiming[Name] | null | undefined };

/** What a job says that names none of it. */
export const usualTiming = { emit: 'records', snapshot: 'events', max_missing: 0.1 } as const satisfies SyncTiming;

const schedule = ['every', 'between', 'cron'] as const;

/** Change when a sync runs. `every`, `between` and `cron` are one thing: who names one of them names all of it. */
export function changeTiming(before: Partial<SyncTiming>, change: TimingChange): Partial<SyncTiming> {
  const named = Object.entries(change).filter(([, value]) => value !== undefined);
  const isRescheduled = named.some(([name]) => (schedule as readonly string[]).includes(name));
  const kept = Object.entries(before).filter(
    ([name]) => !(isRescheduled && (schedule as readonly string[]).includes(name)),
  );
  return Object.fromEntries([...new Map([...kept, ...named])].filter(([, value]) => value !== null));
}
