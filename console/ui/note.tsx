import type { ComponentChildren } from 'preact';

interface NoteProps {
  readonly tone?: 'good' | 'warn' | 'bad';
  readonly children: ComponentChildren;
}

/** A sentence or two that stand out. */
export function Note({ tone, children }: NoteProps) {
  return (
    <div class={tone === undefined ? 'note' : `note note-${tone}`}>
      <p>{children}</p>
    </div>
  );
}
