import { Difference } from '../../ui/difference.tsx';

interface RecordDifferenceProps {
  readonly before: unknown;
  readonly after: unknown;
}

/** What differs between two states of a record: first in its canonical members, then in the provider's own record. */
export function RecordDifference({ before, after }: RecordDifferenceProps) {
  const [{ remote: remoteBefore, ...shared }, { remote: remoteAfter, ...sharedAfter }] = [
    members(before),
    members(after),
  ];
  const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  if (isSame(remoteBefore, remoteAfter)) return <Difference before={shared} after={sharedAfter} />;
  return (
    <>
      {isSame(shared, sharedAfter) ? (
        <p class="quiet">Only the provider’s own record differs.</p>
      ) : (
        <Difference before={shared} after={sharedAfter} />
      )}
      <details>
        <summary>What differs in the provider’s own record</summary>
        <Difference before={{ remote: remoteBefore }} after={{ remote: remoteAfter }} />
      </details>
    </>
  );
}

/** Sorted by name, so that the order of members makes no difference. */
function members(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return {};
  return sorted(value) as Readonly<Record<string, unknown>>;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
