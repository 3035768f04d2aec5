import { useState } from 'preact/hooks';
import { call } from '../../engine-client.ts';
import { useAction } from '../../queries.ts';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { TimeField } from '../../ui/time-field.tsx';
import type { SyncActionProps } from './sync-action.ts';
import { forgetSync } from './sync-change.ts';
import { modeMeanings, type Run } from './sync-words.tsx';

type Mode = Run['mode'];

const modes: Readonly<Record<Mode, string>> = {
  incremental: 'Changes since the last run',
  full: 'Everything',
  reconcile: 'Everything, compared with what is known',
  backfill: 'A stretch of time',
};

interface StretchProps {
  /** ISO 8601; empty for none. */
  readonly since: string;
  readonly until: string;
  readonly onSince: (since: string) => void;
  readonly onUntil: (until: string) => void;
  readonly faults: (path: string) => readonly string[];
}

/** The stretch of time of a backfill. */
function Stretch({ since, until, onSince, onUntil, faults }: StretchProps) {
  return (
    <>
      <TimeField
        label="From"
        value={since}
        onChange={onSince}
        hint="Empty: from the beginning."
        faults={faults('since')}
      />
      <TimeField label="To" value={until} onChange={onUntil} hint="Empty: until now." faults={faults('until')} />
    </>
  );
}

/** Asks for a run besides the schedule. */
export function RunSync({ account, sync, onDone, onClose }: SyncActionProps & { readonly onClose: () => void }) {
  const [mode, setMode] = useState<Mode>('incremental');
  const [resource, setResource] = useState('');
  const [since, setSince] = useState('');
  const [until, setUntil] = useState('');
  const ask = useAction(async (idempotencyKey) => {
    await call('POST /v1/accounts/{id}/syncs/{sync}/run', {
      params: { id: account, sync: sync.id },
      body: {
        mode,
        ...(resource === '' ? {} : { resource }),
        ...(mode === 'backfill' && since !== '' ? { since } : {}),
        ...(mode === 'backfill' && until !== '' ? { until } : {}),
      },
      idempotencyKey,
    });
    onClose();
    onDone('The run waits to begin. It is shown below as it goes on.');
    await forgetSync();
  });
  const faults = (path: string) => faultsAt(ask.problem, path);
  return (
    <FormDialog
      title={`Run the sync ${sync.id}`}
      verb="Run"
      isRunning={ask.isRunning}
      problem={ask.problem}
      members={['mode', 'since', 'until', 'resource']}
      onSubmit={() => void ask.run()}
      onClose={onClose}
    >
      <ChoiceField
        label="What to read"
        value={mode}
        choices={modes}
        onChange={(value) => setMode(value as Mode)}
        hint={modeMeanings[mode]}
        faults={faults('mode')}
      />
      {mode === 'backfill' ? (
        <Stretch since={since} until={until} onSince={setSince} onUntil={setUntil} faults={faults} />
      ) : null}
      {sync.resources.length < 2 ? null : (
        <ChoiceField
          label="Resource"
          value={resource}
          choices={{ '': 'All', ...Object.fromEntries(sync.resources.map((name) => [name, name])) }}
          onChange={setResource}
          hint="One resource, and what depends on it."
          faults={faults('resource')}
        />
      )}
      <p class="quiet">Records that are known and have not changed are not published again.</p>
    </FormDialog>
  );
}
