import { ChoiceField } from './field.tsx';
import type { Filters } from './filters.tsx';
import { useNow } from './time.tsx';

const msPerHour = 3_600_000;
const hours = { '24h': 24, '7d': 7 * 24, '35d': 35 * 24 } as const;
const titles: Readonly<Record<string, string>> = { '24h': '24 hours', '7d': '7 days', '35d': '35 days' };

/** The stretch of time that a page shows; the filter `window` names it. */
export interface TimeWindow {
  /** Such as "24 hours". */
  readonly title: string;
  /** ISO 8601; undefined for the 24 hours that the API shows by itself. */
  readonly since: string | undefined;
}

export function useTimeWindow({ values }: Filters): TimeWindow {
  const now = useNow(60_000);
  const name = Object.keys(hours).find((one) => one === values['window']) as keyof typeof hours | undefined;
  if (name === undefined || name === '24h') return { title: '24 hours', since: undefined };
  // Whole hours, so that the same is asked again. Two hours less, because the API refuses what began 35 days before.
  const sinceMs = (Math.floor(now / msPerHour) + 2 - hours[name]) * msPerHour;
  return { title: titles[name] ?? name, since: new Date(sinceMs).toISOString() };
}

export function TimeWindowField({ filters }: { readonly filters: Filters }) {
  return (
    <ChoiceField
      label="Time"
      value={filters.values['window'] ?? '24h'}
      choices={titles}
      onChange={(window) => filters.set({ window: window === '24h' ? undefined : window })}
    />
  );
}
