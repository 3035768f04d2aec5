import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { ApiProblem } from '../engine-client.ts';

interface FieldProps {
  readonly label: string;
  readonly hint?: ComponentChildren;
  /** Faults that stand beside the field. */
  readonly faults?: readonly string[] | undefined;
  readonly children: (input: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': boolean | undefined;
  }) => JSX.Element;
}

/** A labelled input with its hint, and with its faults beside it. */
export function Field({ label, hint, faults = [], children }: FieldProps) {
  const id = useId();
  const described = [hint === undefined ? [] : [`${id}-hint`], faults.length === 0 ? [] : [`${id}-faults`]].flat();
  return (
    <div class={faults.length > 0 ? 'field field-bad' : 'field'}>
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-describedby': described.length === 0 ? undefined : described.join(' '),
        'aria-invalid': faults.length > 0 ? true : undefined,
      })}
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {faults.length === 0 ? null : (
        <ul class="faults" id={`${id}-faults`}>
          {faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Of a list, "0" is its first entry. */
const placeOf = (path: string) => path.replace(/^\d+/, (index) => `entry ${Number(index) + 1}`);

/** Faults of a member, and of what is in it. */
export function faultsAt(problem: ApiProblem | undefined, path: string): readonly string[] {
  return (problem?.faults ?? [])
    .filter((fault) => fault.path === path || fault.path.startsWith(`${path}.`))
    .map((fault) =>
      fault.path === path ? fault.message : `${placeOf(fault.path.slice(path.length + 1))}: ${fault.message}`,
    );
}

interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: ComponentChildren;
  readonly faults?: readonly string[] | undefined;
  readonly type?: 'text' | 'password' | 'url' | 'number' | 'search' | 'datetime-local' | 'email';
  readonly isRequired?: boolean;
  /** Lines of a larger text. @default 1 */
  readonly lines?: number;
  readonly placeholder?: string;
  readonly options?: readonly string[] | undefined;
}

/** A text that one types. With `options`, the browser proposes them. */
export function TextField({
  label,
  value,
  onChange,
  hint,
  faults,
  type = 'text',
  isRequired = false,
  lines = 1,
  placeholder,
  options,
}: TextFieldProps) {
  const list = useId();
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(input) =>
        lines > 1 ? (
          <textarea
            {...input}
            rows={lines}
            value={value}
            required={isRequired}
            spellcheck={false}
            placeholder={placeholder}
            onInput={({ currentTarget }) => onChange(currentTarget.value)}
          />
        ) : (
          <>
            <input
              {...input}
              // Preact's types want one kind of input at a time.
              {...({ type } as { type: 'text' })}
              value={value}
              required={isRequired}
              autocomplete="off"
              spellcheck={false}
              placeholder={placeholder}
              list={options === undefined ? undefined : list}
              onInput={({ currentTarget }) => onChange(currentTarget.value)}
            />
            {options === undefined ? null : (
              <datalist id={list}>
                {options.map((option) => (
                  <option key={option} value={option} />
                ))}
              </datalist>
            )}
          </>
        )
      }
    </Field>
  );
}

interface ChoiceFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Texts by value. */
  readonly choices: Readonly<Record<string, string>>;
  readonly hint?: ComponentChildren;
  readonly faults?: readonly string[] | undefined;
}

export function ChoiceField({ label, value, onChange, choices, hint, faults }: ChoiceFieldProps) {
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(input) => (
        <select {...input} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
          {Object.entries(choices).map(([choice, text]) => (
            <option key={choice} value={choice}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface CheckFieldProps {
  readonly label: string;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly hint?: ComponentChildren;
}

export function CheckField({ label, isChecked, onChange, hint }: CheckFieldProps) {
  const id = useId();
  return (
    <div class="field check">
      <input
        id={id}
        type="checkbox"
        checked={isChecked}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
