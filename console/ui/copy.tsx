import { useState } from 'preact/hooks';

/** Copies a text, and says so. */
export function Copy({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [said, say] = useState<string>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      say('The browser does not allow it: select the text and copy it.');
    }
    setTimeout(() => say(undefined), 2_500);
  };
  return (
    <span class="copy">
      <button type="button" class="small" onClick={() => void copy()}>
        {label}
      </button>
      <span role="status" class="quiet">
        {said}
      </span>
    </span>
  );
}

/** Text as it is, such as an id, a body or an expression. */
export function Code({
  text,
  label,
  isWrapped = false,
}: {
  readonly text: string;
  readonly label: string;
  readonly isWrapped?: boolean;
}) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={label} class={isWrapped ? 'wrapped' : undefined}>
        {text}
      </pre>
      <Copy text={text} />
    </div>
  );
}

/** A value as indented JSON; text that is JSON, too. */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  return <Code text={typeof value === 'string' ? indented(value) : JSON.stringify(value, null, 2)} label={label} />;
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
