import { type Scope, scopeNames, scopes } from '../../../lambdas/engine/access/scopes.ts';
import { maySee } from '../../session.ts';
import { CheckField } from '../../ui/field.tsx';

interface ScopeFieldsProps {
  readonly chosen: readonly Scope[];
  readonly onChange: (chosen: readonly Scope[]) => void;
  readonly faults: readonly string[];
  /** Scopes to choose from. @default all */
  readonly names?: readonly Scope[];
}

/** Scopes with their meaning. Nobody can give what the own key lacks. */
export function ScopeFields({ chosen, onChange, faults, names = scopeNames }: ScopeFieldsProps) {
  return (
    <fieldset class={faults.length > 0 ? 'field-bad' : undefined}>
      <legend>Scopes</legend>
      <p class="hint">A scope to write includes the one to read. Scopes that you lack are left out.</p>
      {names
        .filter((name) => maySee(name))
        .map((name) => (
          <CheckField
            key={name}
            label={name}
            hint={scopes[name]}
            isChecked={chosen.includes(name)}
            onChange={(isChosen) => onChange(isChosen ? [...chosen, name] : chosen.filter((other) => other !== name))}
          />
        ))}
      {faults.length === 0 ? null : (
        <ul class="faults">
          {faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}
