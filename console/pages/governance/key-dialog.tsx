import { useState } from 'preact/hooks';
import { maySee, session } from '../../session.ts';
import { faultsAt, TextField } from '../../ui/field.tsx';
import { FormDialog, type FormDialogProps } from '../../ui/form-dialog.tsx';
import { useKeyProblem } from '../../ui/key-problem.ts';

interface KeyDialogProps extends Omit<FormDialogProps, 'onSubmit'> {
  /** @param authorization - Value of the header for this one call. */
  readonly onRun: (authorization: string) => void;
}

/**
 * A dialog for what the API refuses to tokens, because its effect would outlive them. The API key that it asks for is
 * forgotten with the dialog.
 */
export function KeyDialog({ children, problem, members = [], onRun, ...dialog }: KeyDialogProps) {
  const [key, setKey] = useState('');
  const known = useKeyProblem(problem);
  return (
    <FormDialog
      {...dialog}
      problem={known}
      members={[...members, 'key']}
      onSubmit={() => onRun(`Bearer ${key.trim()}`)}
    >
      {children}
      <TextField
        label="Your API key"
        type="password"
        value={key}
        onChange={setKey}
        isRequired
        placeholder="tk_…"
        hint="A signed-in session may not do this: it needs the key itself. The key is sent once, and kept nowhere."
        faults={faultsAt(known, 'key')}
      />
    </FormDialog>
  );
}

/** Whether the caller may create and end keys and portal sessions, given a key: the guest of a portal has none. */
export function mayUseKey(): boolean {
  return maySee('keys:write') && session.value?.caller.portal === null;
}
