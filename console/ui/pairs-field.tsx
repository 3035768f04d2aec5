import { useId } from 'preact/hooks';

export type Pair = readonly [name: string, value: string];

interface PairsFieldProps {
  readonly label: string;
  readonly pairs: readonly Pair[];
  readonly onChange: (pairs: readonly Pair[]) => void;
  readonly faults: readonly string[];
  readonly hint: string;
  /** Values are not shown while they are typed. */
  readonly isSecret?: boolean;
}

/** Names with values, such as headers. */
export function PairsField({ label, pairs, onChange, faults, hint, isSecret = false }: PairsFieldProps) {
  const id = useId();
  const change = (place: number, pair: Pair) => onChange(pairs.map((one, other) => (other === place ? pair : one)));
  return (
    <fieldset class={faults.length > 0 ? 'field-bad' : undefined} aria-describedby={id}>
      <legend>{label}</legend>
      <p class="hint" id={id}>
        {hint}
      </p>
      {pairs.map(([name, value], place) => (
        // Rows have no name of their own while they are typed.
        <div key={place} class="name-value">
          <input
            aria-label={`Name ${place + 1} of ${label.toLowerCase()}`}
            placeholder="Name"
            value={name}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => change(place, [currentTarget.value, value])}
          />
          <input
            aria-label={`Value ${place + 1} of ${label.toLowerCase()}`}
            placeholder="Value"
            // Preact's types want one kind of input at a time.
            {...({ type: isSecret ? 'password' : 'text' } as { type: 'text' })}
            value={value}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => change(place, [name, currentTarget.value])}
          />
          <button
            type="button"
            class="small"
            aria-label={`Remove ${name === '' ? `row ${place + 1}` : name}`}
            onClick={() => onChange(pairs.filter((_, other) => other !== place))}
          >
            ✕
          </button>
        </div>
      ))}
      {faults.length === 0 ? null : (
        <ul class="faults">
          {faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
      <div>
        <button type="button" class="small" onClick={() => onChange([...pairs, ['', '']])}>
          Add {label.toLowerCase()}
        </button>
      </div>
    </fieldset>
  );
}
