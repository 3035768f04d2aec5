import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { entriesOf, ListField } from '../../ui/list-field.tsx';
import { duration } from '../../ui/time.tsx';
import { noRetries } from './subscription-draft.ts';
import { Advanced, type PartProps } from './subscription-form-part.tsx';
import { BatchFields } from './subscription-form-shape.tsx';

const orderingChoices = {
  none: 'No order: as fast as possible',
  record: 'Events of a record one after the other',
  tenant: 'All events one after the other',
} as const;

/** Seconds for people; empty for what is no number. */
function wordsOf(seconds: string): string {
  const number = Number(seconds);
  return seconds.trim() === '' || Number.isNaN(number) ? '' : duration(number * 1000);
}

function scheduleHint(schedule: string): string {
  if (schedule.trim() === noRetries) return 'A failed delivery is not tried again.';
  const waits = entriesOf(schedule);
  if (waits.length === 0) return 'Seconds, separated by commas. Empty: ten attempts in about 75 hours.';
  return `Seconds: ${waits.map((wait) => wordsOf(wait) || '?').join(', ')}. Type “${noRetries}” for no retries.`;
}

function secondsHint(seconds: string, meaning: string): string {
  const words = wordsOf(seconds);
  return words === '' ? meaning : `${meaning} Now: ${words}.`;
}

function LimitFields({ draft, set, problem }: PartProps) {
  return (
    <div class="columns">
      <TextField
        label="Requests per second"
        value={draft.rate}
        onChange={(rate) => set({ rate })}
        hint="Empty: no limit."
        faults={faultsAt(problem, 'rate_per_second')}
      />
      <TextField
        label="Requests at the same time"
        value={draft.concurrency}
        onChange={(concurrency) => set({ concurrency })}
        hint="1 to 100. Empty: 10."
        faults={faultsAt(problem, 'concurrency')}
      />
      <TextField
        label="Time to answer, in seconds"
        value={draft.timeout}
        onChange={(timeout) => set({ timeout })}
        hint="1 to 30. Empty: 15."
        faults={faultsAt(problem, 'timeout_seconds')}
      />
    </div>
  );
}

function RetryFields({ draft, set, problem }: PartProps) {
  return (
    <fieldset>
      <legend>Retries</legend>
      <ListField
        label="Waits between attempts"
        path="retry.schedule_seconds"
        value={draft.retrySchedule}
        onChange={(retrySchedule) => set({ retrySchedule })}
        placeholder="5, 300, 1800, 7200"
        hint={scheduleHint(draft.retrySchedule)}
        problem={problem}
      />
      <div class="columns">
        <TextField
          label="Latest attempt, in seconds after the first"
          value={draft.retryMaxAge}
          onChange={(retryMaxAge) => set({ retryMaxAge })}
          hint={secondsHint(draft.retryMaxAge, 'Empty: four days.')}
          faults={faultsAt(problem, 'retry.max_age_seconds')}
        />
        <TextField
          label="Disable after so many seconds of failures only"
          value={draft.disableAfter}
          onChange={(disableAfter) => set({ disableAfter })}
          hint={secondsHint(draft.disableAfter, 'Empty: five days.')}
          faults={faultsAt(problem, 'disable_after_seconds')}
        />
      </div>
    </fieldset>
  );
}

const members = [
  'ordering',
  'rate_per_second',
  'concurrency',
  'timeout_seconds',
  'batch',
  'retry',
  'disable_after_seconds',
];

/** How fast, in which order, and how often. */
export function SendingPart(props: PartProps) {
  const { draft, set, problem } = props;
  return (
    <Advanced title="Order, speed and retries" members={members} problem={problem}>
      <ChoiceField
        label="Order"
        value={draft.ordering}
        onChange={(ordering) => set({ ordering })}
        choices={orderingChoices}
        hint="With an order, an event waits until the one before it is delivered. It needs a tenant, excludes batches, and cannot be taken back."
        faults={faultsAt(problem, 'ordering')}
      />
      <LimitFields {...props} />
      <BatchFields {...props} />
      <RetryFields {...props} />
    </Advanced>
  );
}
