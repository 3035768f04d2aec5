import type { ComponentChildren } from 'preact';
import { Code } from './copy.tsx';

interface ShownOnceProps {
  readonly title: string;
  readonly text: string;
  /** What to do with it. */
  readonly children: ComponentChildren;
  readonly onClose: () => void;
}

/** A secret that no later answer shows. */
export function ShownOnce({ title, text, children, onClose }: ShownOnceProps) {
  return (
    <div class="note note-warn shown-once" role="status">
      <p>
        <strong>{title}. Copy it now: it is shown this once.</strong> {children}
      </p>
      <Code text={text} label={title} isWrapped />
      <button type="button" onClick={onClose}>
        I have copied it
      </button>
    </div>
  );
}
