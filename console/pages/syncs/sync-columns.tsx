import { href } from '../../session.ts';
import type { Column } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { countWords, Due, lagWords, modeNames, type OneSync, type Run, SyncStatus } from './sync-words.tsx';

export interface ListedSync extends OneSync {
  readonly account: string;
}

export function syncPath({ account, id }: Pick<ListedSync, 'account' | 'id'>): string {
  return href(`/accounts/${encodeURIComponent(account)}/syncs/${encodeURIComponent(id)}`);
}

function LastRun({ of: run }: { readonly of: Run | null }) {
  if (run === null) return <>none yet</>;
  return (
    <>
      <Time at={run.ended_at} />
      <div class="quiet">
        {modeNames[run.mode]}: {run.outcome === 'succeeded' ? countWords(run) : run.outcome}
      </div>
    </>
  );
}

function NextRun({ of }: { readonly of: ListedSync }) {
  const { status, current_run: run, next_run_at: nextAt, retry_at: retryAt } = of;
  if (status === 'paused') return <>when it is resumed</>;
  if (run !== null && retryAt === null) return <>{run.records} records so far</>;
  return <Due at={retryAt ?? nextAt} />;
}

/** @param hasAccount - Left out where all are of one account. */
export function syncColumns(hasAccount: boolean): readonly Column<ListedSync>[] {
  return [
    {
      title: 'Sync',
      show: (sync) => (
        <>
          <a href={syncPath(sync)}>{sync.id}</a>
          {hasAccount ? (
            <div>
              <a class="quiet" href={href(`/accounts/${encodeURIComponent(sync.account)}?tab=syncs`)}>
                {sync.account}
              </a>
            </div>
          ) : null}
        </>
      ),
    },
    {
      title: 'Status',
      show: ({ status, reason }) => (
        <>
          <SyncStatus of={status} />
          {reason === null ? null : <div class="quiet">{reason}</div>}
        </>
      ),
    },
    { title: 'Last run', show: ({ last_run: run }) => <LastRun of={run} /> },
    { title: 'Next run', isMinor: true, show: (sync) => <NextRun of={sync} /> },
    { title: 'Behind by', isNumber: true, isMinor: true, show: (sync) => lagWords(sync) },
  ];
}
