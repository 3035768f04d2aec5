import diff from 'microdiff';

const shown = (value: unknown) => (value === undefined ? '' : JSON.stringify(value));
const words = { CREATE: 'added', REMOVE: 'removed', CHANGE: 'changed' } as const;

/** What differs between two values, member by member. */
export function Difference({ before, after }: { readonly before: unknown; readonly after: unknown }) {
  const changes = diff(asObject(before), asObject(after));
  if (changes.length === 0) return <p class="quiet">Nothing differs.</p>;
  return (
    <ul class="difference">
      {changes.map((change) => (
        <li key={change.path.join('.')}>
          <span class="quiet">{words[change.type]}</span> <code>{change.path.join('.')}</code>{' '}
          {'oldValue' in change ? <del>{shown(change.oldValue)}</del> : null}{' '}
          {'value' in change ? <ins>{shown(change.value)}</ins> : null}
        </li>
      ))}
    </ul>
  );
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {};
  return JSON.parse(JSON.stringify(value), withoutPrototype) as Record<string, unknown>;
}

/** microdiff looks a member up with `in`, which finds `toString` and others in every object that has a prototype. */
function withoutPrototype(_: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.assign(Object.create(null), value)
    : value;
}
