import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { ApiProblem } from '../engine-client.ts';
import { Problem } from './problem.tsx';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Where a dialog begins: at its first field, else at the button that changes nothing, and not at "Close". */
const firstOfDialog = ':is(input, select, textarea), .actions button';

/** A dialog over the page. Escape closes it, and the focus goes back to what opened it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>(firstOfDialog)?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="small" onClick={onClose} aria-label="Close">
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  /** What will happen, and whether it can be undone. */
  readonly children: ComponentChildren;
  /** The verb, such as "Delete". */
  readonly verb: string;
  readonly isDangerous?: boolean;
  readonly isRunning: boolean;
  readonly problem: ApiProblem | undefined;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something is done that is hard to undo. */
export function Confirm({
  title,
  children,
  verb,
  isDangerous = false,
  isRunning,
  problem,
  onConfirm,
  onClose,
}: ConfirmProps) {
  // What has begun is not undone by looking away.
  const close = () => {
    if (!isRunning) onClose();
  };
  return (
    <Dialog title={title} onClose={close}>
      <div class="dialog-body">{children}</div>
      <Problem problem={problem} />
      <div class="actions">
        <button type="button" onClick={close} disabled={isRunning}>
          Keep it as it is
        </button>
        <button type="button" class={isDangerous ? 'danger' : 'primary'} onClick={onConfirm} disabled={isRunning}>
          {isRunning ? 'Working…' : verb}
        </button>
      </div>
    </Dialog>
  );
}
