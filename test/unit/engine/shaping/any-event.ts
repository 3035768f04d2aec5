import fc from 'fast-check';
import type { CanonicalEvent } from '../../../../lambdas/engine/event/canonical-event.ts';

/** An event from the documentation. */
export const event: CanonicalEvent = {
  id: 'evt_00000000000000000000000000000001',
  type: 'record:updated',
  timestamp: '2026-11-21T12:00:00.000Z',
  tenant: 'acme',
  account: 'acc_hibob_acme',
  integration: 'hibob',
  resource: 'hris/employees',
  record_id: '123',
  sequence: 4211,
  origin: 'webhook',
  raw_event_type: 'employee.updated',
  schema_version: '1.0.0',
  data: {
    id: '123',
    name: 'Ada',
    email: 'ada@example.com',
    salary: 90000,
    emails: ['ada@example.com', 'ada@example.org'],
    address: { city: 'London', zip: 'N1' },
    lines: [{ sku: 'a', price: 1 }, { sku: 'b' }, 'odd', [{ price: 3 }]],
    'First name': 'Ada',
    '7': 'seven',
  },
};

/** A few names, so paths often match; some break a careless copy of an object. */
const name = fc.constantFrom('a', 'b', 'First name', '7', '__proto__', 'constructor');

/** Data whose leaves are distinct texts. */
const markedData: fc.Arbitrary<Record<string, unknown>> = fc
  .letrec<{ value: unknown; members: Record<string, unknown> }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant('leaf'),
      tie('members'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    members: fc
      .uniqueArray(fc.tuple(name, tie('value')), { selector: ([name]) => name, maxLength: 4 })
      .map((members) => Object.fromEntries(members)),
  }))
  .members.map((data) => {
    let leaves = 0;
    return JSON.parse(JSON.stringify(data), (_name, value: unknown) => {
      if (value !== 'leaf') return value;
      leaves += 1;
      return `leaf ${leaves}.`;
    });
  });

export function pathOf(names: readonly string[]): string {
  return ['data', ...names.map((name) => `\`${name}\``)].join('.');
}

/** Each leaf with the names on its path; lists have no names. */
export function leavesOf(value: unknown, names: readonly string[] = []): { names: readonly string[]; leaf: string }[] {
  if (typeof value === 'string') return [{ names, leaf: value }];
  if (Array.isArray(value)) return value.flatMap((item) => leavesOf(item, names));
  return Object.entries(value as object).flatMap(([name, member]) => leavesOf(member, [...names, name]));
}

/** Whether a leaf is at or below one of the paths. */
export function isNamed(leaf: readonly string[], paths: readonly (readonly string[])[]): boolean {
  return paths.some((path) => path.every((name, index) => name === leaf[index]));
}

/** Marked data and some paths, most of which match a field. */
export const markedDataAndPaths = markedData.chain((data) => {
  const anyNames = fc.array(name, { minLength: 1, maxLength: 3 });
  const leaves = leavesOf(data);
  const namesOfLeaf = fc
    .tuple(fc.nat(), fc.nat())
    .map(([leaf, depth]) => leaves[leaf % leaves.length]?.names.slice(0, 1 + (depth % 3)) ?? ['a']);
  const path = fc.oneof({ weight: 3, arbitrary: namesOfLeaf }, { weight: 1, arbitrary: anyNames });
  return fc.tuple(fc.constant(data), fc.array(path, { minLength: 1, maxLength: 3 }));
});

/** A deeply frozen value: any change throws. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
