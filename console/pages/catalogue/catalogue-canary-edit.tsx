import { useState } from 'preact/hooks';
import { type Answer, call } from '../../engine-client.ts';
import { forget, useAction } from '../../queries.ts';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';

type Canary = Answer<'GET /v1/integrations/{integration}/canary'>;

interface EditProps {
  readonly name: string;
  readonly canary: Canary;
  readonly onClose: () => void;
}

/** Name the accounts of a trial; none ends it. */
export function EditCanary({ name, canary, onClose }: EditProps) {
  const [accounts, setAccounts] = useState(canary.accounts.map(({ id }) => id).join(', '));
  const [mode, setMode] = useState<string>(canary.mode ?? 'compare');
  const save = useAction(async () => {
    const ids = accounts.split(/[\s,]+/).filter((id) => id !== '');
    await call('PUT /v1/integrations/{integration}/settings', {
      params: { integration: name },
      body: { canary: ids.length === 0 ? null : { accounts: ids, mode: mode === 'use' ? 'use' : 'compare' } },
    });
    onClose();
    await forget('GET /v1/integrations/{integration}/canary');
  });
  return (
    <FormDialog
      title="Try the candidate"
      verb="Save"
      isRunning={save.isRunning}
      problem={save.problem}
      members={['canary.accounts', 'canary.mode']}
      onSubmit={() => void save.run()}
      onClose={onClose}
    >
      <TextField
        label="Accounts"
        value={accounts}
        onChange={setAccounts}
        hint="Their ids, with commas between them. None ends the trial."
        faults={faultsAt(save.problem, 'canary.accounts')}
      />
      <ChoiceField
        label="Whose events are published"
        value={mode}
        onChange={setMode}
        choices={{ compare: 'The current definition’s', use: 'The candidate’s' }}
        hint="The other one’s are compared. Where the candidate fails, the current definition makes the events."
        faults={faultsAt(save.problem, 'canary.mode')}
      />
    </FormDialog>
  );
}
