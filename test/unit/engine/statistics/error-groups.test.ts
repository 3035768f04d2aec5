import { expect, test } from 'vitest';
import type { Delivery } from '../../../../lambdas/engine/delivery/delivery.ts';
import { newDelivery } from '../../../../lambdas/engine/delivery/record-attempt.ts';
import { groupErrors } from '../../../../lambdas/engine/statistics/error-groups.ts';

function failed(
  number: number,
  last: { readonly status?: number; readonly error?: string; readonly response?: string },
  change: Partial<Delivery> = {},
): Delivery {
  const timestamp = new Date(Date.UTC(2026, 10, 21, 12, 0, number)).toISOString();
  const job = { subscription: 'sub_1', scope: 'acme', event: `evt_${number}`, tenant: 'acme', sequence: number };
  const attempt = {
    number: 1,
    trigger: 'schedule',
    at: timestamp,
    durationMs: 5,
    status: undefined,
    error: undefined,
  } as const;
  return {
    ...newDelivery({ ...job, timestamp }),
    state: 'retrying',
    attempts: [{ ...attempt, response: undefined, ...last }],
    ...change,
  };
}

test('failures that differ only in ids, numbers and times are one group', () => {
  const groups = groupErrors([
    failed(1, { status: 500, response: 'trace 5e2f0c1b-7a9d-4e6f-8a0b-2c4d6e8f0a1b at 12:00:01' }),
    failed(
      3,
      { status: 500, response: 'trace 0a1b2c3d-7a9d-4e6f-8a0b-2c4d6e8f0a1b at 12:00:03' },
      { state: 'exhausted' },
    ),
    failed(2, { status: 500, response: 'trace ffffffff-7a9d-4e6f-8a0b-2c4d6e8f0a1b at 12:00:02' }),
  ]);
  expect(groups).toMatchObject([
    {
      deliveries: 3,
      waiting: 2,
      ended: 1,
      status: 500,
      firstAt: '2026-11-21T12:00:01.000Z',
      lastAt: '2026-11-21T12:00:03.000Z',
      latest: { event: 'evt_3' },
      response: 'trace 0a1b2c3d-7a9d-4e6f-8a0b-2c4d6e8f0a1b at 12:00:03',
    },
  ]);
});

test('another status, another error, another answer and another subscription are other groups; the largest comes first', () => {
  const groups = groupErrors([
    failed(1, { status: 500, response: 'down' }),
    failed(2, { status: 503, response: 'down' }),
    failed(3, { status: 503, response: 'down' }),
    failed(4, { error: 'timeout' }),
    failed(5, { status: 500, response: 'busy' }),
    failed(6, { status: 500, response: 'down' }, { subscription: 'sub_2' }),
  ]);
  expect(groups.map(({ deliveries, status, error }) => [deliveries, status ?? error])).toEqual([
    [2, 503],
    [1, 500],
    [1, 500],
    [1, 'timeout'],
    [1, 500],
  ]);
  expect(new Set(groups.map(({ fingerprint }) => fingerprint)).size).toBe(5);
});

test('what was delivered, cancelled or not tried is no error', () => {
  const fine = failed(1, { status: 500 });
  expect(
    groupErrors([
      { ...fine, state: 'delivered' },
      { ...fine, state: 'cancelled' },
      { ...fine, state: 'waiting', attempts: [] },
    ]),
  ).toEqual([]);
});
