import { expect, test } from 'vitest';
import { hourOf } from '../../../../lambdas/engine/statistics/hour.ts';
import { integrationStatistics } from '../../../../lambdas/engine/statistics/integration-statistics.ts';

const none = {
  verified: 0,
  rejected: { total: 0, byReason: {} },
  mapped: 0,
  ignored: 0,
  confirmed: 0,
  unrouted: 0,
  deadLettered: 0,
  published: 0,
  duplicate: 0,
  stale: 0,
  unchanged: 0,
  enriching: 0,
  coalesced: 0,
  schemaDrift: 0,
  drift: {},
};

test('sums up the hours of an integration over all tenants', () => {
  expect(
    integrationStatistics([
      { integration: 'stripe', counts: { verified: 2, mapped: 1, 'dead-lettered': 1, published: 3 } },
      { integration: 'github', counts: { 'rejected:signature-mismatch': 4, 'rejected:body-malformed': 1 } },
      { integration: 'stripe', counts: { verified: 1, mapped: 1, published: 1, duplicate: 2, 'schema-drift': 1 } },
      { integration: 'github', counts: { 'rejected:signature-mismatch': 1, unrouted: 1, verified: 1 } },
    ]),
  ).toEqual([
    {
      ...none,
      integration: 'github',
      verified: 1,
      rejected: { total: 6, byReason: { 'body-malformed': 1, 'signature-mismatch': 5 } },
      unrouted: 1,
    },
    {
      ...none,
      integration: 'stripe',
      verified: 3,
      mapped: 2,
      deadLettered: 1,
      published: 4,
      duplicate: 2,
      stale: 0,
      unchanged: 0,
      enriching: 0,
      coalesced: 0,
      schemaDrift: 1,
    },
  ]);
});

test('has no entry for an integration without counts, and zeros for missing counts', () => {
  expect(integrationStatistics([])).toEqual([]);
  expect(integrationStatistics([{ integration: 'github', counts: {} }])).toEqual([{ ...none, integration: 'github' }]);
});

test('ignores counts of a later version', () => {
  expect(integrationStatistics([{ integration: 'github', counts: { enriched: 7 } }])).toEqual([
    { ...none, integration: 'github' },
  ]);
});

test.each([
  ['2026-11-21T12:00:00.000Z', '2026-11-21T12'],
  ['2026-11-21T12:59:59.999Z', '2026-11-21T12'],
  ['2026-11-21T13:00:00.000Z', '2026-11-21T13'],
  ['2026-12-31T23:30:00.000Z', '2026-12-31T23'],
])('the hour of %s is %s', (instant, hour) => {
  expect(hourOf(Date.parse(instant))).toBe(hour);
});
