import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChangeIdentity, eventId, eventTypes } from '../../../../lambdas/engine/event/canonical-event.ts';

// A small alphabet, so that joined parts often form the same text.
const part = fc.string({ unit: fc.constantFrom('a', ':', '1', '2', '#', 'é'), maxLength: 4 });
const identity: fc.Arbitrary<ChangeIdentity> = fc.record({
  tenant: part,
  account: part,
  resource: part,
  recordId: part,
  type: fc.constantFrom(...eventTypes),
  change: part,
});
const partsOf = (of: ChangeIdentity) => [of.tenant, of.account, of.resource, of.recordId, of.type, of.change];

test('is evt_ and 32 hexadecimal digits, the same on every call', () => {
  const change: ChangeIdentity = {
    tenant: 'acme',
    account: 'acc_1',
    resource: 'hris/employees',
    recordId: '123',
    type: 'record:updated',
    change: 'delivery-1#0',
  };
  expect(eventId(change)).toMatch(/^evt_[0-9a-f]{32}$/);
  // Subscribers store these ids, so a later version must compute the same one unless a decision says otherwise.
  expect(eventId(change)).toBe('evt_26f46fd7c27ee27377dc89e5b46ff435');
});

test('differs if and only if a part differs', () => {
  fc.assert(
    fc.property(identity, identity, (a, b) => {
      expect(eventId(a) === eventId(b)).toBe(JSON.stringify(partsOf(a)) === JSON.stringify(partsOf(b)));
    }),
    { numRuns: 2000 },
  );
});

test('differs when a character moves from one part to the next', () => {
  fc.assert(
    fc.property(identity, fc.constantFrom('a', ':', '1'), (base, moved) => {
      const before = { ...base, account: base.account + moved };
      const after = { ...base, resource: moved + base.resource };
      expect(eventId(before)).not.toBe(eventId(after));
      const first = { ...base, tenant: base.tenant + moved };
      expect(eventId(first)).not.toBe(eventId({ ...base, account: moved + base.account }));
      const last = { ...base, recordId: base.recordId + moved };
      expect(eventId(last)).not.toBe(eventId({ ...base, change: moved + base.change }));
    }),
  );
});
