import type { ComponentChildren } from 'preact';
import type { ApiProblem } from '../engine-client.ts';
import { Dialog } from './dialog.tsx';
import { FormProblem } from './other-faults.tsx';

export interface FormDialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The verb, such as "Save". */
  readonly verb: string;
  readonly isDangerous?: boolean;
  readonly isRunning: boolean;
  readonly problem: ApiProblem | undefined;
  /** Paths of members whose faults stand beside fields of `children`. */
  readonly members?: readonly string[];
  readonly onSubmit: () => void;
  readonly onClose: () => void;
}

/** A form over the page. What was typed stays when the API refuses it. */
export function FormDialog(props: FormDialogProps) {
  const { title, children, verb, isDangerous = false, isRunning, problem, members = [], onSubmit, onClose } = props;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
        <FormProblem problem={problem} beside={members} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isRunning}>
            {isRunning ? 'Working…' : verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
