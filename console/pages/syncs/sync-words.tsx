import type { Answer } from '../../engine-client.ts';
import { Badge } from '../../ui/badge.tsx';
import { duration, Time, useNow } from '../../ui/time.tsx';

export type OneSync = Answer<'GET /v1/accounts/{id}/syncs/{sync}'>;
export type Run = NonNullable<OneSync['last_run']>;
type Status = OneSync['status'];
type Mode = Run['mode'];

/** What each status means, and whether something is to be done. */
export const statusMeanings: Readonly<Record<Status, string>> = {
  idle: 'It works, and waits for its next run.',
  running: 'It runs now.',
  'backing-off': 'The provider fails or does not answer. It is tried again by itself, with longer and longer pauses.',
  'rate-limited': "The provider's limits are used up. It goes on by itself when they leave room.",
  failing: 'It has failed several times in a row, or its credentials are refused.',
  paused: 'It is paused. Changes at the provider stay unknown until it is resumed.',
};

export const modeNames: Readonly<Record<Mode, string>> = {
  incremental: 'changes',
  full: 'everything',
  reconcile: 'comparison',
  backfill: 'backfill',
};

export const modeMeanings: Readonly<Record<Mode, string>> = {
  incremental: 'Read what has changed since the last run. For when you know of a change and do not want to wait.',
  full: 'Read everything, as in a first run. For when the mapping has changed.',
  reconcile: 'List all records and compare them with what is known. For when you suspect a missed change or delete.',
  backfill: 'Read what changed in a stretch of time. For when only that stretch is in doubt.',
};

export const phaseMeanings: Readonly<Record<NonNullable<Run['phase']>, string>> = {
  read: 'Reading pages from the provider',
  publish: 'Making events of what was read',
  compare: 'Looking for records that are gone',
  suspended: 'Waiting: it gives way to a run of changes, and goes on after it',
};

/** Why a comparison found what neither webhooks nor polls had told. */
export const driftMeanings: Readonly<Record<string, string>> = {
  'missed-webhook':
    'Records changed at the provider, and no webhook told so. Check that the webhook is set up for them, and look for rejected requests.',
  'missed-poll':
    'Records changed at the provider, and the regular runs did not see it. If it happens again, the provider may be late or leave changes out.',
  'silent-delete': 'Records were deleted at the provider, and nothing told so. Many providers do not tell.',
  'mapping-changed':
    'The records are the same, but they are now read in another way. Expected after a change of the mapping.',
};

/** When something is due. What is due already begins within a minute. */
export function Due({ at }: { readonly at: string | null }) {
  const now = useNow();
  return at !== null && Date.parse(at) <= now ? <>due now</> : <Time at={at} />;
}

export function SyncStatus({ of }: { readonly of: Status }) {
  return <Badge of={of} />;
}

const units: Readonly<Record<string, readonly [string, number]>> = {
  ms: ['millisecond', 1],
  s: ['second', 1_000],
  m: ['minute', 60_000],
  h: ['hour', 3_600_000],
  d: ['day', 86_400_000],
};

function unitOf(text: string): readonly [count: number, unit: readonly [string, number]] | undefined {
  const [, count = '', name = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const unit = units[name];
  return unit === undefined ? undefined : [Number(count), unit];
}

/** `5m` as "5 minutes". */
function inWords(text: string): string {
  const [count, [name] = ['']] = unitOf(text) ?? [];
  return count === undefined ? text : count === 1 ? `1 ${name}` : `${count} ${name}s`;
}

/** "every minute", "every 5 minutes". */
function everyWords(text: string): string {
  return `every ${inWords(text).replace(/^1 /, '')}`;
}

export function durationMsOf(text: string): number | undefined {
  const [count, unit] = unitOf(text) ?? [];
  return count === undefined || unit === undefined ? undefined : count * unit[1];
}

type Schedule = Pick<OneSync, 'every' | 'between' | 'cron' | 'time_zone'>;

export function scheduleWords({ every, between, cron, time_zone: zone }: Schedule): string {
  if (cron !== null) return `at the times ${cron} (${zone ?? 'UTC'})`;
  if (between !== null)
    return `${everyWords(between[0] ?? '')} to ${inWords(between[1] ?? '')}: more often where much changes`;
  return every === null ? 'every 5 minutes, the default' : everyWords(every);
}

export function reconcileWords({ reconcile, time_zone: zone }: Pick<OneSync, 'reconcile' | 'time_zone'>): string {
  if (reconcile === null) return 'once a day';
  return reconcile === 'off' ? 'never' : `at the times ${reconcile} (${zone ?? 'UTC'})`;
}

/** How old the knowledge of a sync is; undefined before its first run. */
export function lagWords({ lag_seconds: lag }: Pick<OneSync, 'lag_seconds'>): string {
  return lag === null ? 'not yet known' : duration(lag * 1000);
}

/** "4 new, 17 changed, 1 deleted"; "nothing new" where nothing differs. */
export function countWords({ created, updated, deleted }: Run): string {
  const words = [
    created === 0 ? [] : [`${created} new`],
    updated === 0 ? [] : [`${updated} changed`],
    deleted === 0 ? [] : [`${deleted} deleted`],
  ].flat();
  return words.length === 0 ? 'nothing new' : words.join(', ');
}
