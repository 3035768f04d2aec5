import { useState } from 'preact/hooks';
import { type Body, call } from '../../engine-client.ts';
import { useAction } from '../../queries.ts';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import type { SyncActionProps } from './sync-action.ts';
import { forgetSync } from './sync-change.ts';
import type { OneSync } from './sync-words.tsx';

type Patch = Body<'PATCH /v1/accounts/{id}/syncs/{sync}'>;
type When = 'every' | 'between' | 'cron' | 'usual';

interface Draft {
  readonly when: When;
  readonly every: string;
  readonly least: string;
  readonly most: string;
  readonly cron: string;
  readonly zone: string;
  readonly compares: 'daily' | 'off' | 'cron';
  readonly compareCron: string;
  /** Percent. */
  readonly maxMissing: string;
  readonly confirm: string;
  readonly snapshot: string;
  readonly emit: string;
}

function draftOf(sync: OneSync): Draft {
  const { every, between, cron, reconcile } = sync;
  return {
    when: cron !== null ? 'cron' : between !== null ? 'between' : every !== null ? 'every' : 'usual',
    every: every ?? '5m',
    least: between?.[0] ?? '1m',
    most: between?.[1] ?? '1h',
    cron: cron ?? '0 * * * *',
    zone: sync.time_zone ?? '',
    compares: reconcile === null ? 'daily' : reconcile === 'off' ? 'off' : 'cron',
    compareCron: reconcile === null || reconcile === 'off' ? '0 3 * * *' : reconcile,
    maxMissing: sync.max_missing === null ? '' : String(sync.max_missing * 100),
    confirm: sync.confirm ?? '',
    snapshot: sync.snapshot,
    emit: sync.emit,
  };
}

function scheduleOf({ when, every, least, most, cron }: Draft): Patch {
  if (when === 'every') return { every: every.trim() };
  if (when === 'between') return { between: [least.trim(), most.trim()] };
  return when === 'cron' ? { cron: cron.trim() } : { every: null };
}

/** What differs from before: what one has not touched stays with the definition. */
function patchOf(before: Draft, draft: Draft): Patch {
  const differs = (...names: readonly (keyof Draft)[]) => names.some((name) => before[name] !== draft[name]);
  const { compares, compareCron, maxMissing, confirm, zone, snapshot, emit } = draft;
  return {
    ...(differs('when', 'every', 'least', 'most', 'cron') ? scheduleOf(draft) : {}),
    ...(differs('zone') ? { time_zone: zone.trim() === '' ? null : zone.trim() } : {}),
    ...(differs('compares', 'compareCron')
      ? { reconcile: compares === 'daily' ? null : compares === 'off' ? 'off' : compareCron.trim() }
      : {}),
    ...(differs('maxMissing') ? { max_missing: maxMissing === '' ? null : Number(maxMissing) / 100 } : {}),
    ...(differs('confirm') ? { confirm: confirm === '' ? null : (confirm as 'get' | 'twice') } : {}),
    ...(differs('snapshot') ? { snapshot: snapshot as 'events' | 'silent' } : {}),
    ...(differs('emit') ? { emit: emit as 'records' | 'combined' } : {}),
  };
}

interface FieldsProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly faults: (path: string) => readonly string[];
}

const durationHint = 'A duration such as 90s, 15m, 1h or 1d; a minute at least.';
const cronHint = 'Five fields: minute, hour, day, month, day of the week. 0 3 * * * is 03:00 each day.';

function WhenFields({ draft, change, faults }: FieldsProps) {
  const { when } = draft;
  return (
    <>
      <ChoiceField
        label="Runs"
        value={when}
        choices={{
          every: 'At an interval',
          between: 'At an interval that follows the changes',
          cron: 'At times of the day (cron)',
          usual: 'As the definition says',
        }}
        onChange={(value) => change({ when: value as When })}
      />
      {when === 'every' ? (
        <TextField
          label="Interval"
          value={draft.every}
          onChange={(every) => change({ every })}
          hint={durationHint}
          faults={faults('every')}
        />
      ) : null}
      {when === 'between' ? (
        <>
          <TextField
            label="Shortest interval"
            value={draft.least}
            onChange={(least) => change({ least })}
            hint={durationHint}
            faults={faults('between')}
          />
          <TextField label="Longest interval" value={draft.most} onChange={(most) => change({ most })} />
        </>
      ) : null}
      {when === 'cron' ? (
        <TextField
          label="Times"
          value={draft.cron}
          onChange={(cron) => change({ cron })}
          hint={cronHint}
          faults={faults('cron')}
        />
      ) : null}
    </>
  );
}

function CompareFields({ draft, change, faults }: FieldsProps) {
  return (
    <>
      <ChoiceField
        label="Compares all records"
        value={draft.compares}
        choices={{ daily: 'As the definition says, or once a day', cron: 'At times of the day (cron)', off: 'Never' }}
        onChange={(value) => change({ compares: value as Draft['compares'] })}
        hint="Only a comparison finds deletes and changes that nothing told."
        faults={draft.compares === 'cron' ? [] : faults('reconcile')}
      />
      {draft.compares === 'cron' ? (
        <TextField
          label="Times of the comparison"
          value={draft.compareCron}
          onChange={(compareCron) => change({ compareCron })}
          hint={cronHint}
          faults={faults('reconcile')}
        />
      ) : null}
      {draft.when === 'cron' || draft.compares === 'cron' ? (
        <TextField
          label="Time zone"
          value={draft.zone}
          onChange={(zone) => change({ zone })}
          placeholder="UTC"
          hint="Such as Europe/Berlin."
          faults={faults('time_zone')}
        />
      ) : null}
    </>
  );
}

function FindFields({ draft, change, faults, isPosted }: FieldsProps & { readonly isPosted: boolean }) {
  return (
    <details open={faults('max_missing').length > 0 || undefined}>
      <summary>What it does with what it finds</summary>
      <div class="form">
        <TextField
          label="Believe a listing that lacks at most, in percent"
          type="number"
          value={draft.maxMissing}
          onChange={(maxMissing) => change({ maxMissing })}
          placeholder="10"
          hint="If more of the known records are gone at once, nothing is deleted, and the sync fails."
          faults={faults('max_missing')}
        />
        <ChoiceField
          label="A delete is proven by"
          value={draft.confirm}
          choices={{
            '': 'What the definition allows',
            get: 'A read of the record',
            twice: 'Two comparisons in a row without it',
          }}
          onChange={(confirm) => change({ confirm })}
          faults={faults('confirm')}
        />
        <ChoiceField
          label="The first run"
          value={draft.snapshot}
          choices={{ events: 'Makes an event of each record', silent: 'Learns the records silently' }}
          onChange={(snapshot) => change({ snapshot })}
          hint="After the first run, it changes nothing."
          faults={faults('snapshot')}
        />
        {isPosted ? (
          <ChoiceField
            label="Publishes"
            value={draft.emit}
            choices={{ records: 'An event for each record', combined: 'One event for each run' }}
            onChange={(emit) => change({ emit })}
            faults={faults('emit')}
          />
        ) : null}
      </div>
    </details>
  );
}

const members = ['every', 'between', 'cron', 'time_zone', 'reconcile', 'max_missing', 'confirm', 'snapshot', 'emit'];

/** Changes when a sync runs. */
export function EditSchedule({ account, sync, onDone, onClose }: SyncActionProps & { readonly onClose: () => void }) {
  const [before] = useState(() => draftOf(sync));
  const [draft, setDraft] = useState(before);
  const save = useAction(async () => {
    await call('PATCH /v1/accounts/{id}/syncs/{sync}', {
      params: { id: account, sync: sync.id },
      body: patchOf(before, draft),
    });
    onClose();
    onDone('The schedule has been changed.');
    await forgetSync();
  });
  const fields: FieldsProps = {
    draft,
    change: (part) => setDraft({ ...draft, ...part }),
    faults: (path) => faultsAt(save.problem, path),
  };
  return (
    <FormDialog
      title={`Change the schedule of ${sync.id}`}
      verb="Change"
      isRunning={save.isRunning}
      problem={save.problem}
      members={members}
      onSubmit={() => void save.run()}
      onClose={onClose}
    >
      <WhenFields {...fields} />
      <CompareFields {...fields} />
      <FindFields {...fields} isPosted={!sync.declared} />
    </FormDialog>
  );
}
