import { expect, test } from 'vitest';
import { type FeedFilter, wantsOfFeed } from '../../../../lambdas/engine/feed/feed-filter.ts';
import { traceOfEvent, traceOfId } from '../../../../lambdas/engine/trace/trace-ids.ts';
import { anEvent } from '../../../fakes/samples.ts';

const everything: FeedFilter = { types: [], resources: [], accounts: [], integrations: [], origins: [] };
const wants = (change: Partial<FeedFilter>) => wantsOfFeed({ ...everything, ...change }, anEvent());

test('an empty list matches all events', () => {
  expect(wants({})).toBe(true);
});

test.each<[string, Partial<FeedFilter>, Partial<FeedFilter>]>([
  ['type', { types: ['record:*'] }, { types: ['record:deleted'] }],
  ['resource', { resources: ['crm/*', 'hris/employees'] }, { resources: ['crm/*'] }],
  ['account', { accounts: ['acc_other', 'acc_acme'] }, { accounts: ['acc_other'] }],
  ['integration', { integrations: ['staff'] }, { integrations: ['github'] }],
  ['origin', { origins: ['poll', 'webhook'] }, { origins: ['poll', 'backfill'] }],
  ['correlation id', { correlationId: traceOfEvent(anEvent()) }, { correlationId: traceOfId('evt_other') }],
])('filters by %s', (_, own, other) => {
  expect(wants(own)).toBe(true);
  expect(wants(other)).toBe(false);
});

test('an event must match every filter', () => {
  expect(wants({ origins: ['webhook'], resources: ['hris/*'] })).toBe(true);
  expect(wants({ origins: ['webhook'], resources: ['crm/*'] })).toBe(false);
  expect(wants({ origins: ['poll'], resources: ['hris/*'] })).toBe(false);
});
