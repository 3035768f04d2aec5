import { Section } from '../../ui/page.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import type { OneSync } from './sync-words.tsx';

type Cursor = NonNullable<OneSync['cursor']>[string];

/** Where the next run goes on, in words. */
function CursorWords({ of: { kind, value, digest } }: { readonly of: Cursor }) {
  if (kind === 'none') return <>Reads everything each time, and compares</>;
  if (kind === 'token')
    return (
      <>Goes on at the provider's own mark {digest === null ? null : <span class="quiet">(digest {digest})</span>}</>
    );
  if (value === null) return <>Begins anew</>;
  return kind === 'id' ? (
    <>
      Goes on after the id <code>{value}</code>
    </>
  ) : (
    <>
      Goes on with what changed at <code>{value}</code> or later
    </>
  );
}

interface Place {
  readonly name: string;
  readonly cursor: Cursor;
}

const columns = [
  { title: 'Resource', show: ({ name }: Place) => <code>{name.replace('#', ', part ')}</code> },
  { title: 'Next run', show: ({ cursor }: Place) => <CursorWords of={cursor} /> },
  { title: 'Last read', isMinor: true, show: ({ cursor }: Place) => <Time at={cursor.read_at} /> },
];

/** What a token is, a reader does not learn: its digest only tells one from another. */
export function SyncCursors({ sync: { cursor } }: { readonly sync: OneSync }) {
  const places = Object.entries(cursor ?? {}).map(([name, one]) => ({ name, cursor: one }));
  return (
    <Section title="Where the next run goes on">
      {places.length === 0 ? (
        <p>No run has ended yet: the next one reads everything.</p>
      ) : (
        <Table caption="Cursors by resource" columns={columns} items={places} keyOf={({ name }) => name} />
      )}
    </Section>
  );
}
