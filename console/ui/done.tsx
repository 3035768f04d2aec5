import type { ComponentChildren } from 'preact';

/** Says what has been done. The place is always there, so that screen readers notice what comes into it. */
export function Done({ children }: { readonly children: ComponentChildren }) {
  const isEmpty = children === undefined || children === null || children === false || children === '';
  return (
    <div role="status" class="done">
      {isEmpty ? null : <div class="note note-good">{children}</div>}
    </div>
  );
}
