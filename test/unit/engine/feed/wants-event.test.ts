import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SubscriptionFilter, wantsEvent } from '../../../../lambdas/engine/feed/wants-event.ts';

const event = {
  tenant: 'acme',
  type: 'record:updated',
  resource: 'hris/employees',
  integration: 'hibob',
  account: 'acc_1',
} as const;
const all: SubscriptionFilter = { tenant: 'acme', types: [], resources: [], integrations: [], accounts: [] };

test.each<[string, Partial<SubscriptionFilter>, boolean]>([
  ['empty lists', {}, true],
  ['all tenants', { tenant: null }, true],
  ['another tenant', { tenant: 'acme2' }, false],
  ['a tenant that is a prefix of its tenant', { tenant: 'acm' }, false],
  ['a tenant that looks like a pattern', { tenant: 'ac*' }, false],
  ['a star as tenant', { tenant: '*' }, false],
  ['an empty tenant', { tenant: '' }, false],
  ['a tenant in another case', { tenant: 'Acme' }, false],
  ['its type', { types: ['record:updated'] }, true],
  ['all types of records', { types: ['record:*'] }, true],
  ['every type', { types: ['*'] }, true],
  ['one of several types', { types: ['record:created', 'record:updated'] }, true],
  ['another type', { types: ['record:created'] }, false],
  ['a prefix of its type without a star', { types: ['record:'] }, false],
  ['its resource', { resources: ['hris/employees'] }, true],
  ['its model', { resources: ['hris/*'] }, true],
  ['another model', { resources: ['crm/*'] }, false],
  ['a star that is not at the end', { resources: ['*/employees'] }, false],
  ['a regular expression', { resources: ['hris/.*'] }, false],
  ['its integration', { integrations: ['github', 'hibob'] }, true],
  ['another integration', { integrations: ['github'] }, false],
  ['a pattern of integrations', { integrations: ['hi*'] }, false],
  ['its account', { accounts: ['acc_1'] }, true],
  ['another account', { accounts: ['acc_10'] }, false],
  [
    'all its properties except one',
    { types: ['record:*'], resources: ['hris/*'], integrations: ['hibob'], accounts: ['acc_2'] },
    false,
  ],
])('a filter of %s', (_name, filter, wanted) => {
  expect(wantsEvent({ ...all, ...filter }, event)).toBe(wanted);
});

describe('an operational event', () => {
  const said = {
    tenant: 'acme',
    type: 'subscription.disabling',
    resource: 'tributary/subscriptions',
    integration: 'tributary',
    account: 'tributary',
  } as const;

  test.each<[string, Partial<SubscriptionFilter>]>([
    ['resources', { resources: ['hris/*'] }],
    ['integrations', { integrations: ['hibob'] }],
    ['accounts', { accounts: ['acc_1'] }],
    ['all three', { resources: ['hris/*'], integrations: ['hibob'], accounts: ['acc_1'] }],
  ])('is filtered by type only, record events also by %s', (_, filter) => {
    const asked = { ...all, types: ['record:*', 'subscription.*'], ...filter };
    expect(wantsEvent(asked, said)).toBe(true);
    expect(wantsEvent(asked, event)).toBe(true);
    expect(wantsEvent(asked, { ...event, resource: 'crm/x', integration: 'x', account: 'x' })).toBe(false);
    expect(wantsEvent({ ...asked, types: ['record:*'] }, said)).toBe(false);
    expect(wantsEvent({ ...asked, tenant: 'globex' }, said)).toBe(false);
  });
});

const names = fc.oneof(fc.constantFrom('acme', 'acm', 'acme2', '*', 'acme*', ''), fc.string());
const lists = fc.array(fc.oneof(names, fc.constant('*')), { maxLength: 3 });

test('a subscription never wants an event of another tenant', () => {
  fc.assert(
    fc.property(names, names, lists, lists, lists, lists, (own, other, types, resources, integrations, accounts) => {
      fc.pre(own !== other);
      expect(wantsEvent({ tenant: own, types, resources, integrations, accounts }, { ...event, tenant: other })).toBe(
        false,
      );
    }),
  );
});

test('a longer list never excludes an event, nor does an empty one', () => {
  fc.assert(
    fc.property(lists, lists, lists, lists, names, (types, resources, integrations, accounts, added) => {
      const filter = { tenant: 'acme', types, resources, integrations, accounts };
      if (!wantsEvent(filter, event)) return;
      expect(wantsEvent(all, event)).toBe(true);
      for (const member of ['types', 'resources', 'integrations', 'accounts'] as const) {
        expect(wantsEvent({ ...filter, [member]: [] }, event)).toBe(true);
        const longer = filter[member].length === 0 ? [] : [added, ...filter[member]];
        expect(wantsEvent({ ...filter, [member]: longer }, event)).toBe(true);
      }
    }),
  );
});
