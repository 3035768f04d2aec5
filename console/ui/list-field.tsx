import type { ComponentChildren } from 'preact';
import type { ApiProblem } from '../engine-client.ts';
import { linesOf } from '../pages/subscriptions/shaping.ts';
import { TextField } from './field.tsx';

const mostShown = 60;

/** The entries of a text, which commas or line breaks separate. */
export function entriesOf(text: string): readonly string[] {
  return text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** Faults of a list, each with the entry that it is about: the API counts them from 0. */
export function entryFaults(
  problem: ApiProblem | undefined,
  path: string,
  entries: readonly string[],
): readonly string[] {
  return (problem?.faults ?? []).flatMap((fault) => {
    if (fault.path === path) return [fault.message];
    if (!fault.path.startsWith(`${path}.`)) return [];
    const member = fault.path.slice(path.length + 1);
    return [`${entries[Number(member)] ?? member}: ${fault.message}`];
  });
}

interface ListFieldProps {
  readonly label: string;
  /** Entries, separated by commas; by line breaks where there are several lines. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Entries to choose from; others can be typed. */
  readonly known?: readonly string[];
  readonly hint?: ComponentChildren;
  readonly problem?: ApiProblem | undefined;
  /** Path of the list in the body, for its faults. */
  readonly path: string;
  /** @default 1 */
  readonly lines?: number;
  readonly placeholder?: string;
}

/** A list of names. They are typed, or chosen from what is known. */
export function ListField({ value, onChange, known = [], problem, path, lines = 1, ...field }: ListFieldProps) {
  const entries = lines > 1 ? linesOf(value) : entriesOf(value);
  const separator = lines > 1 ? '\n' : ', ';
  const faults = entryFaults(problem, path, entries);
  const toggle = (entry: string) => {
    const others = entries.filter((one) => one !== entry);
    onChange((others.length < entries.length ? others : [...entries, entry]).join(separator));
  };
  return (
    <div class="list-field">
      <TextField {...field} lines={lines} value={value} onChange={onChange} faults={faults} />
      {known.length === 0 ? null : (
        <details>
          <summary class="quiet">Choose from what is known</summary>
          <div class="known">
            {known.slice(0, mostShown).map((entry) => (
              <button
                key={entry}
                type="button"
                class="small"
                aria-pressed={entries.includes(entry)}
                onClick={() => toggle(entry)}
              >
                {entry}
              </button>
            ))}
            {known.length > mostShown ? (
              <span class="quiet">{known.length - mostShown} more: type their names.</span>
            ) : null}
          </div>
        </details>
      )}
    </div>
  );
}
