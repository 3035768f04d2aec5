import { useEffect, useRef } from 'preact/hooks';
import { useList } from '../../queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Empty, Section } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { duration, Time } from '../../ui/time.tsx';
import { driftMeanings, modeNames, type OneSync, type Run } from './sync-words.tsx';

interface SyncRunsProps {
  readonly account: string;
  readonly sync: OneSync;
}

/** What a comparison found that nothing had told, by cause. */
function Drift({ of: { drift } }: { readonly of: Run }) {
  const causes = Object.entries(drift);
  if (causes.length === 0) return null;
  const sum = causes.reduce((total, [, count]) => total + count, 0);
  return (
    <details>
      <summary>{sum} found by comparison only</summary>
      <ul class="drift">
        {causes.map(([cause, count]) => (
          <li key={cause}>
            <strong>
              {count} {cause}
            </strong>
            : {driftMeanings[cause] ?? 'This version of the console does not know the cause.'}
          </li>
        ))}
      </ul>
    </details>
  );
}

function tookWords({ started_at: from, ended_at: to }: Run): string {
  return from === null || to === null ? '–' : duration(Date.parse(to) - Date.parse(from));
}

const columns: readonly Column<Run>[] = [
  {
    title: 'Ended',
    show: (run) => (
      <div class="nowrap">
        <Time at={run.ended_at} />
        <div class="quiet">took {tookWords(run)}</div>
      </div>
    ),
  },
  {
    title: 'Run',
    show: (run) => (
      <>
        <Badge of={run.outcome} /> {modeNames[run.mode]}
        {run.reason === null ? null : <div class="quiet">{run.reason}</div>}
        <Drift of={run} />
      </>
    ),
  },
  { title: 'Records', isNumber: true, show: ({ records }) => records },
  { title: 'New', isNumber: true, show: ({ created }) => created },
  { title: 'Changed', isNumber: true, show: ({ updated }) => updated },
  { title: 'Deleted', isNumber: true, show: ({ deleted }) => deleted },
  { title: 'Unchanged', isNumber: true, isMinor: true, show: ({ unchanged }) => unchanged },
  { title: 'Unreadable', isNumber: true, isMinor: true, show: ({ unreadable }) => unreadable },
  { title: 'Calls', isNumber: true, isMinor: true, show: ({ calls }) => calls },
];

/** Runs that have ended. They are kept for 30 days. */
export function SyncRuns({ account, sync }: SyncRunsProps) {
  const list = useList(
    'GET /v1/accounts/{id}/syncs/{sync}/runs',
    { params: { id: account, sync: sync.id }, query: { limit: 50 } },
    { everyMs: 15_000 },
  );
  // A run that has just ended is in the list.
  const last = sync.last_run?.id;
  const known = useRef(last);
  useEffect(() => {
    if (known.current === last) return;
    known.current = last;
    list.refetch();
  }, [last]);
  return (
    <Section title="Runs of the last 30 days">
      <ListTable
        caption="Runs that have ended, newest first"
        columns={columns}
        list={list}
        keyOf={({ id }) => id}
        empty={<Empty title="No run has ended yet." />}
      />
    </Section>
  );
}
