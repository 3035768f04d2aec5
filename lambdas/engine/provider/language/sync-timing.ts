import { Cron } from 'croner';

/** Runs of one sync are at least so far apart. */
export const leastIntervalMs = 60_000;
/** The interval of a sync that names none. */
export const defaultIntervalMs = 300_000;

/** Any time: an expression of five fields comes again within some years, or never. */
const someTime = new Date(0);

/** Why a cron expression or a time zone is none; undefined where both are right. */
export function cronFault(expression: string, zone: string | undefined): string | undefined {
  try {
    const next = new Cron(expression, { timezone: zone ?? 'UTC', mode: '5-part' }).nextRun(someTime);
    return next === null ? `got "${expression}", which never comes` : undefined;
  } catch (error) {
    return `got "${expression}", expected five fields such as 0 3 * * *: ${(error as Error).message}`;
  }
}

/** Whether a time zone is known. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
