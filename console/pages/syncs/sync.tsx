import { useEffect, useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { Done } from '../../ui/done.tsx';
import { Page } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { SyncActions } from './sync-actions.tsx';
import { SyncCursors } from './sync-cursors.tsx';
import { SyncRuns } from './sync-history.tsx';
import { CurrentRun, WaitingRuns } from './sync-progress.tsx';
import { SyncSchedule } from './sync-schedule.tsx';
import { SyncState } from './sync-state.tsx';
import { type OneSync, SyncStatus } from './sync-words.tsx';

interface SyncViewProps {
  readonly account: string;
  readonly sync: OneSync;
}

function SyncView({ account, sync }: SyncViewProps) {
  const [said, say] = useState<string>();
  return (
    <>
      {maySee('accounts:write') ? <SyncActions account={account} sync={sync} onDone={say} /> : null}
      <Done>{said === undefined ? null : <p>{said}</p>}</Done>
      <SyncState account={account} sync={sync} />
      <CurrentRun sync={sync} />
      <WaitingRuns sync={sync} />
      <SyncSchedule account={account} sync={sync} onDone={say} />
      <SyncCursors sync={sync} />
      <SyncRuns account={account} sync={sync} />
    </>
  );
}

/** A sync of an account. */
export default function SyncPage({ id, sync: name }: { readonly id: string; readonly sync: string }) {
  const [isBusy, setBusy] = useState(false);
  const asked = useAnswer(
    'GET /v1/accounts/{id}/syncs/{sync}',
    { params: { id, sync: name } },
    { everyMs: isBusy ? 2_000 : 10_000 },
  );
  const sync = asked.data;
  const runs = sync !== undefined && (sync.current_run !== null || sync.waiting_runs.length > 0);
  useEffect(() => setBusy(runs && sync.status !== 'paused'), [runs, sync?.status]);
  return (
    <Page
      title={name}
      intro={
        <>
          Sync of <a href={href(`/accounts/${encodeURIComponent(id)}?tab=syncs`)}>{id}</a>{' '}
          {sync === undefined ? null : <SyncStatus of={sync.status} />}
        </>
      }
    >
      <Standing of={asked} what="the sync" />
      {sync === undefined ? null : <SyncView key={`${id} ${name}`} account={id} sync={sync} />}
    </Page>
  );
}
