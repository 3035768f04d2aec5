import { useState } from 'preact/hooks';
import { ApiProblem } from '../../engine-client.ts';
import { maySee, session } from '../../session.ts';
import { TextField } from '../../ui/field.tsx';
import { FormDialog, type FormDialogProps } from '../../ui/form-dialog.tsx';

interface KeyDialogProps extends Omit<FormDialogProps, 'onSubmit'> {
  /** @param authorization - Value of the header for this one call. */
  readonly onRun: (authorization: string) => void;
}

/**
 * A dialog for what the API refuses to tokens, because its effect would outlive them. The API key that it asks for is
 * forgotten with the dialog.
 */
export function KeyDialog({ children, problem, onRun, ...dialog }: KeyDialogProps) {
  const [key, setKey] = useState('');
  return (
    <FormDialog {...dialog} problem={aboutKey(problem)} onSubmit={() => onRun(`Bearer ${key.trim()}`)}>
      {children}
      <TextField
        label="Your API key"
        type="password"
        value={key}
        onChange={setKey}
        isRequired
        placeholder="tk_…"
        hint="A signed-in session may not do this: it needs the key itself. The key is sent once, and kept nowhere."
      />
    </FormDialog>
  );
}

/** A 401 is about the key that was typed, and not about the session. */
function aboutKey(problem: ApiProblem | undefined): ApiProblem | undefined {
  return problem?.status === 401 ? new ApiProblem(400, 'The key is not valid, or it has expired.') : problem;
}

/** Whether the caller may create and end keys and portal sessions, given a key: the guest of a portal has none. */
export function mayUseKey(): boolean {
  return maySee('keys:write') && session.value?.caller.portal === null;
}
