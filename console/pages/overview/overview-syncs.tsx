import { href } from '../../session.ts';
import { Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { type Sync, useSyncs } from '../syncs/all-syncs.ts';
import { syncPath } from '../syncs/sync-columns.tsx';
import { durationMsOf, lagWords, SyncStatus } from '../syncs/sync-words.tsx';

const usualIntervalMs = 300_000;
/** A sync at times of the day may rest for a day. */
const cronIntervalMs = 26 * 3_600_000;
const mostShown = 10;

/** Whether a sync has missed some runs: its knowledge is older than three intervals. */
function isLate({ every, between, cron, lag_seconds: lag }: Sync): boolean {
  if (lag === null) return false;
  const intervalMs = cron === null ? durationMsOf(every ?? between?.[1] ?? '') : cronIntervalMs;
  return lag * 1000 > (intervalMs ?? usualIntervalMs) * (cron === null ? 3 : 1);
}

const columns = [
  {
    title: 'Sync',
    show: (sync: Sync) => (
      <>
        <a href={syncPath(sync)}>{sync.id}</a> <div class="quiet">{sync.account}</div>
      </>
    ),
  },
  { title: 'Status', show: ({ status }: Sync) => <SyncStatus of={status} /> },
  { title: 'Behind by', isNumber: true, show: (sync: Sync) => lagWords(sync) },
];

/** Syncs whose knowledge is older than their schedule says. */
export function LateSyncs() {
  const list = useSyncs();
  const late = (list.data ?? []).filter(isLate).sort((one, other) => (other.lag_seconds ?? 0) - (one.lag_seconds ?? 0));
  if (list.data?.length === 0 && !list.hasMore) return null;
  return (
    <Section title="Syncs behind">
      <Standing of={list} what="the syncs" />
      {list.data === undefined ? null : late.length === 0 ? (
        <p>
          None of {list.data.length} {list.data.length === 1 ? 'sync' : 'syncs'} is behind its schedule.
        </p>
      ) : (
        <>
          <Table
            caption="Syncs behind their schedule"
            columns={columns}
            items={late.slice(0, mostShown)}
            keyOf={({ account, id }) => `${account} ${id}`}
          />
          {late.length > mostShown ? <a href={href('/syncs')}>{late.length} in all</a> : null}
        </>
      )}
    </Section>
  );
}
