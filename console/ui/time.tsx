import { useEffect, useState } from 'preact/hooks';

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const units = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
] as const;

/** "3 min ago", "in 2 hr". */
export function distance(atMs: number, nowMs: number): string {
  const seconds = Math.round((atMs - nowMs) / 1000);
  const [unit, size] = units.findLast(([, length]) => Math.abs(seconds) >= length) ?? units[0];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Milliseconds for people: "48 ms", "1.2 s", "3 min". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 86_400_000 * 2 ? `${(ms / 3_600_000).toFixed(1)} h` : `${Math.round(ms / 86_400_000)} days`;
}

/** The current time, anew every so often. Milliseconds. */
export function useNow(everyMs = 10_000): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

interface TimeProps {
  /** ISO 8601. */
  readonly at: string | null | undefined;
  /** `clock`: only the time of day. @default relative */
  readonly as?: 'relative' | 'clock' | 'absolute';
}

/** A time in the reader's zone, with UTC on hover. */
export function Time({ at, as = 'relative' }: TimeProps) {
  // Rendered anew every so often, with the time of now.
  useNow();
  if (at === null || at === undefined) return <>–</>;
  const date = new Date(at);
  const text = {
    relative: () => distance(date.getTime(), Date.now()),
    clock: () => clock.format(date),
    absolute: () => absolute.format(date),
  }[as]();
  return (
    <time dateTime={at} title={`${absolute.format(date)} (${at} UTC)`}>
      {text}
    </time>
  );
}
