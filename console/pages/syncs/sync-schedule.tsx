import { useState } from 'preact/hooks';
import { maySee } from '../../session.ts';
import { Facts, Section } from '../../ui/page.tsx';
import type { SyncActionProps } from './sync-action.ts';
import { EditSchedule } from './sync-schedule-form.tsx';
import { reconcileWords, scheduleWords } from './sync-words.tsx';

const confirmations: Readonly<Record<string, string>> = {
  get: 'a read of the record',
  twice: 'two comparisons in a row without it',
};

/** When a sync runs, and how it treats what it finds. */
export function SyncSchedule(props: SyncActionProps) {
  const [isOpen, setOpen] = useState(false);
  const { sync } = props;
  const { max_missing: most, confirm } = sync;
  return (
    <Section
      title="Schedule"
      actions={
        maySee('accounts:write') ? (
          <button type="button" class="small" onClick={() => setOpen(true)}>
            Change the schedule
          </button>
        ) : undefined
      }
    >
      <Facts
        of={{
          Runs: scheduleWords(sync),
          'Compares all records': reconcileWords(sync),
          Publishes: sync.emit === 'records' ? 'an event for each record' : 'one event for each run',
          'First run': sync.snapshot === 'events' ? 'an event for each record that is there' : 'learns silently',
          'Believes a listing that lacks':
            most === null ? null : `at most ${Math.round(most * 100)} % of what is known`,
          'A delete is proven by': confirm === null ? null : (confirmations[confirm] ?? confirm),
        }}
      />
      {isOpen ? <EditSchedule {...props} onClose={() => setOpen(false)} /> : null}
    </Section>
  );
}
