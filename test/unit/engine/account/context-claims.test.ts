import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ContextAccount,
  type ContextRecord,
  decideClaim,
  holdersOf,
  maxAccountsOfTenant,
  releaseClaim,
  standingClaims,
  withdrawClaim,
  withoutTenant,
} from '../../../../lambdas/engine/account/context-claims.ts';

const routed = { integration: 'hubspot', accountContext: 'portal_id', value: '62515' };
const minuteMs = 60_000;
const nowMs = 100 * minuteMs;
const none: ContextRecord = { claims: [], registered: [], revision: 0 };

const account = (id: string, tenant: string, change: Partial<ContextAccount> = {}): ContextAccount => ({
  id,
  tenant,
  integration: 'hubspot',
  context: { portal_id: ['1', 62515] },
  createdAt: '1970-01-01T00:00:00.000Z',
  ...change,
});
const known = (...accounts: readonly ContextAccount[]) => new Map(accounts.map((one) => [one.id, one]));
const claim = (tenant: string, id = `acc_${tenant}`, claimedAtMs = 0) => ({ tenant, account: id, claimedAtMs });
const request = (tenant: string, change = {}) => ({
  tenant,
  account: `acc_${tenant}`,
  nowMs,
  mayClaim: true,
  isShared: false,
  ...change,
});

/** The record after a claim that no other claim blocks. */
function granted(record: ContextRecord, tenant: string): ContextRecord {
  const decision = decideClaim(record, [], request(tenant));
  if (decision.kind !== 'granted') throw new Error(decision.kind);
  return decision.record;
}

describe('a claim counts, or not, when', () => {
  test.each<[string, readonly ContextAccount[], number, boolean]>([
    ['its account holds the value', [account('acc_acme', 'acme')], 0, true],
    ['its account is being erased', [account('acc_acme', 'acme', { context: {}, closed: true })], 0, true],
    ['its account may still be created', [], nowMs - minuteMs + 1, true],
    ['its account was not created in time', [], nowMs - minuteMs, false],
    ['its account holds another value', [account('acc_acme', 'acme', { context: { portal_id: '1' } })], 0, false],
    [
      'its account holds the value in another member',
      [account('acc_acme', 'acme', { context: { portal: '62515' } })],
      0,
      false,
    ],
    ['its account belongs to another integration', [account('acc_acme', 'acme', { integration: 'slack' })], 0, false],
    ['its account belongs to another tenant', [account('acc_acme', 'globex')], 0, false],
  ])('%s', (_, accounts, claimedAtMs, stands) => {
    const record = { ...none, claims: [claim('acme', 'acc_acme', claimedAtMs)] };
    expect(standingClaims(record, known(...accounts), routed, nowMs)).toEqual(stands ? record.claims : []);
  });

  test('it comes from a registered account: of any tenant without claims, else of an owner', () => {
    const accounts = known(account('acc_acme', 'acme'), account('acc_old', 'acme'), account('acc_globex', 'globex'));
    const record = { ...none, registered: ['acc_acme', 'acc_globex', 'acc_gone', 'acc_old'] };
    const ids = (of: ContextRecord) => standingClaims(of, accounts, routed, nowMs).map((one) => one.account);
    expect(ids(record)).toEqual(['acc_acme', 'acc_globex', 'acc_old']);
    expect(ids({ ...record, claims: [claim('acme')] })).toEqual(['acc_acme', 'acc_old']);
  });
});

describe('a claim', () => {
  test.each<[string, ReturnType<typeof claim>[], object, string]>([
    ['of a free value', [], {}, 'granted'],
    ['of a free value without permission', [], { mayClaim: false }, 'claim-needs-operator'],
    ['of a value of the same tenant', [claim('acme', 'acc_1')], { mayClaim: false }, 'granted'],
    ['of a value of the same account', [claim('acme')], { mayClaim: false }, 'granted'],
    ['of another tenant’s value', [claim('globex')], {}, 'context-claimed'],
    ['of another tenant’s value without permission', [claim('globex')], { mayClaim: false }, 'context-claimed'],
    ['of a value that both tenants own', [claim('globex'), claim('acme')], {}, 'context-claimed'],
    ['of a shared value', [claim('globex')], { isShared: true }, 'granted'],
    [
      'of a shared value without permission',
      [claim('globex')],
      { isShared: true, mayClaim: false },
      'claim-needs-operator',
    ],
  ])('%s is %j', (_, claims, change, kind) => {
    expect(decideClaim({ ...none, claims }, claims, request('acme', change)).kind).toBe(kind);
  });

  test('fails when the tenant, or all tenants that share the value, have the maximum number of accounts', () => {
    const full = Array.from({ length: maxAccountsOfTenant }, (_, at) => claim('acme', `acc_${at}`));
    const decide = (claims: typeof full, change = {}) =>
      decideClaim({ ...none, claims }, claims, request('acme', change)).kind;
    expect(decide(full)).toBe('context-accounts');
    expect(decide(full.slice(1))).toBe('granted');
    expect(decide(full, { account: 'acc_3' })).toBe('granted');
    const shared = Array.from({ length: 100 }, (_, at) => claim(`t${at}`));
    expect(decide(shared, { isShared: true })).toBe('context-accounts');
    expect(decide(shared.slice(1), { isShared: true })).toBe('granted');
  });

  test.each<[string, ContextRecord['released'], ReturnType<typeof claim>[], number | undefined]>([
    ['that was free', undefined, [], undefined],
    ['that the same tenant released', { atMs: 5, by: 'acme' }, [], undefined],
    ['that another tenant released', { atMs: 5, by: 'globex' }, [], 5],
    ['that an erased tenant released', { atMs: 5 }, [], 5],
    ['with a claim of another tenant that no longer counts', { atMs: 5, by: 'acme' }, [claim('globex')], nowMs],
    ['with a claim of the same tenant that no longer counts', undefined, [claim('acme', 'acc_1')], undefined],
  ])('of a value %s starts at the right time', (_, released, fallen, sinceMs) => {
    const record = { ...none, claims: fallen, ...(released === undefined ? {} : { released }) };
    const since = sinceMs === undefined ? {} : { sinceMs };
    const claims = [{ tenant: 'acme', account: 'acc_acme', claimedAtMs: nowMs, ...since }];
    expect(granted(record, 'acme').claims).toEqual(claims);
  });

  test('that is withdrawn leaves the earlier state, and keeps a claim that was made since', () => {
    const released = { atMs: 5, by: 'globex' };
    const record = granted({ ...none, released }, 'acme');
    const whose = { tenant: 'acme', account: 'acc_acme' };
    expect(withdrawClaim(record, { ...whose, madeAtMs: nowMs })).toEqual({ ...none, released });
    expect(withdrawClaim(record, { ...whose, madeAtMs: nowMs - 1 })).toBe(record);
    const other = { tenant: 'globex', account: 'acc_acme', madeAtMs: nowMs };
    expect(withdrawClaim(record, other)).toBe(record);
  });

  test('that is released records the last owner once the value has no other owner', () => {
    const record = { ...none, claims: [claim('acme'), claim('acme', 'acc_2')] };
    const released = { atMs: nowMs, by: 'acme' };
    const first = releaseClaim(record, { tenant: 'acme', account: 'acc_acme', sinceMs: nowMs }, released);
    expect(first).toEqual({ ...none, claims: [claim('acme', 'acc_2')] });
    const last = releaseClaim(first, { tenant: 'acme', account: 'acc_2', sinceMs: nowMs }, released);
    expect(last).toEqual({ ...none, released });
    const stranger = { tenant: 'globex', account: 'acc_globex', sinceMs: nowMs };
    expect(releaseClaim(last, stranger, { atMs: 7, by: 'globex' })).toBe(last);
  });

  test('of an erased tenant is removed together with the tenant’s name', () => {
    const both = { ...none, claims: [claim('acme'), claim('globex')], released: { atMs: 5, by: 'acme' } };
    expect(withoutTenant(both, 'acme', nowMs)).toEqual({ ...none, claims: [claim('globex')], released: { atMs: 5 } });
    expect(withoutTenant({ ...none, claims: [claim('acme')] }, 'acme', nowMs)).toEqual({
      ...none,
      released: { atMs: nowMs },
    });
    expect(withoutTenant(both, 'initech', nowMs)).toBe(both);
  });
});

test('a request goes to accounts of one tenant, or is contested (invariant 3)', () => {
  const tenants = ['acme', 'globex', 'initech'] as const;
  const anyAccount = fc.record({
    tenant: fc.constantFrom(...tenants),
    holds: fc.boolean(),
    isClosed: fc.boolean(),
    claimedBy: fc.constantFrom(undefined, ...tenants),
    sinceMs: fc.constantFrom(undefined, 50, 150),
    isRegistered: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyAccount, { maxLength: 6 }), (generated) => {
      const accounts = generated.map(({ tenant, holds, isClosed }, at) =>
        account(`acc_${at}`, tenant, {
          context: holds && !isClosed ? { portal_id: '62515' } : {},
          ...(isClosed ? { closed: true as const } : {}),
        }),
      );
      const claims = generated.flatMap(({ claimedBy, sinceMs }, at) =>
        claimedBy === undefined
          ? []
          : [{ ...claim(claimedBy, `acc_${at}`), ...(sinceMs === undefined ? {} : { sinceMs }) }],
      );
      const registered = generated.flatMap(({ isRegistered }, at) => (isRegistered ? [`acc_${at}`] : []));
      const holding = holdersOf({ ...none, claims, registered }, known(...accounts), routed, 100);
      const owners = new Set(claims.map(({ tenant }) => tenant));
      const served = holding.kind === 'held' || holding.kind === 'contested' ? holding.accounts : [];
      expect(served.filter(({ context }) => context['portal_id'] !== '62515')).toEqual([]);
      expect(served.filter(({ tenant }) => owners.size > 0 && !owners.has(tenant))).toEqual([]);
      const later = new Set(claims.flatMap(({ tenant, sinceMs = 0 }) => (sinceMs > 100 ? [tenant] : [])));
      expect(served.filter(({ tenant }) => later.has(tenant))).toEqual([]);
      expect(new Set(served.map(({ tenant }) => tenant)).size > 1).toBe(holding.kind === 'contested');
    }),
    { numRuns: 2_000 },
  );
});

test.each<[string, ContextRecord, readonly ContextAccount[], string]>([
  ['no account has the value', none, [], 'free'],
  ['its owner released it', { ...none, released: { atMs: 200, by: 'acme' } }, [], 'free'],
  ['its owner was erased after the request', { ...none, released: { atMs: 200 } }, [], 'former'],
  ['its owner was erased before the request', { ...none, released: { atMs: 100 } }, [], 'free'],
  [
    'its account is being erased',
    { ...none, claims: [claim('acme')] },
    [account('acc_acme', 'acme', { closed: true })],
    'former',
  ],
  [
    'its owner got it after the request',
    { ...none, claims: [{ ...claim('acme'), sinceMs: 101 }] },
    [account('acc_acme', 'acme')],
    'former',
  ],
  [
    'its owner had it before the request',
    { ...none, claims: [{ ...claim('acme'), sinceMs: 100 }] },
    [account('acc_acme', 'acme')],
    'held',
  ],
])('a request goes to the owner of the value at the time it arrived: %s', (_, record, accounts, kind) => {
  expect(holdersOf(record, known(...accounts), routed, 100).kind).toBe(kind);
});
