import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ApiProblem } from '../engine-client.ts';
import { Dialog } from './dialog.tsx';
import { TextField } from './field.tsx';
import { Problem } from './problem.tsx';

interface TwoStepsProps {
  readonly title: string;
  /** The first step: what goes. */
  readonly what: ComponentChildren;
  /** The second step: what comes after, and what cannot be undone. */
  readonly after: ComponentChildren;
  /** What to type, so that no other object is meant. */
  readonly name: string;
  /** The verb, such as "Erase". */
  readonly verb: string;
  readonly isRunning: boolean;
  readonly problem: ApiProblem | undefined;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks twice before something that cannot be undone: first what goes, then what comes, with the name to type. */
export function TwoSteps({ title, what, after, name, verb, isRunning, problem, onConfirm, onClose }: TwoStepsProps) {
  const [isSecond, setSecond] = useState(false);
  const [typed, setTyped] = useState('');
  if (!isSecond)
    return (
      <Dialog title={title} onClose={onClose}>
        <p class="quiet">Step 1 of 2</p>
        <div class="dialog-body">{what}</div>
        <div class="actions">
          <button type="button" onClick={onClose}>
            Keep it as it is
          </button>
          <button type="button" onClick={() => setSecond(true)}>
            Go on
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={title} onClose={onClose}>
      <p class="quiet">Step 2 of 2</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() === name) onConfirm();
        }}
      >
        <div class="dialog-body">{after}</div>
        <TextField label={`To confirm, type ${name}`} value={typed} onChange={setTyped} isRequired />
        <Problem problem={problem} />
        <div class="actions">
          <button type="button" onClick={() => setSecond(false)}>
            Back
          </button>
          <button type="submit" class="danger" disabled={isRunning || typed.trim() !== name}>
            {isRunning ? 'Working…' : verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
