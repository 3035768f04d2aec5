import { Badge } from '../../ui/badge.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { modeNames, type OneSync, phaseMeanings, type Run } from './sync-words.tsx';

/** How far the run that goes on is. How much is left is not known: few providers tell. */
export function CurrentRun({ sync: { current_run: run, status, retry_at: retryAt } }: { readonly sync: OneSync }) {
  if (run === null) return null;
  const phase = run.phase === null ? 'Running' : phaseMeanings[run.phase];
  const goesOn = status === 'running' && run.phase !== 'suspended';
  return (
    <Section title="This run">
      <p>
        {goesOn ? phase : status === 'paused' ? 'Stopped: the sync is paused' : 'Stopped for now'}
        {run.reading === null ? null : (
          <>
            {' '}
            (<code>{run.reading}</code>)
          </>
        )}
        {goesOn || retryAt === null ? null : (
          <>
            ; it goes on where it is <Time at={retryAt} />
          </>
        )}
      </p>
      {goesOn ? <progress aria-label={`${phase}, ${run.pages} pages so far`} /> : null}
      <Facts
        of={{
          Mode: modeNames[run.mode],
          Began: <Time at={run.started_at} />,
          Pages: run.pages,
          Records: run.records,
          Calls: run.calls,
          New: run.created,
          Changed: run.updated,
          Deleted: run.deleted,
          Unchanged: run.unchanged,
          'Could not be read': run.unreadable === 0 ? null : run.unreadable,
        }}
      />
    </Section>
  );
}

const columns = [
  { title: 'Mode', show: ({ mode }: Run) => modeNames[mode] },
  {
    title: 'State',
    show: ({ outcome, phase }: Run) => (
      <>
        <Badge of={phase === 'suspended' ? 'suspended' : outcome} />
        {phase === 'suspended' ? <div class="quiet">{phaseMeanings.suspended}</div> : null}
      </>
    ),
  },
  { title: 'Records so far', isNumber: true, show: ({ records }: Run) => records },
  { title: 'Id', isMinor: true, show: ({ id }: Run) => <code>{id}</code> },
];

/** Runs that were asked for and have not begun, and one that gives way. */
export function WaitingRuns({ sync: { waiting_runs: runs } }: { readonly sync: OneSync }) {
  if (runs.length === 0) return null;
  return (
    <Section title="Waiting runs">
      <Table caption="Waiting runs" columns={columns} items={runs} keyOf={({ id }) => id} />
    </Section>
  );
}
