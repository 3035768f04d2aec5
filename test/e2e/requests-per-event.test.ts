import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { requestsPerEvent } from '../bench/aws-requests.ts';
import { budgets } from '../bench/budgets.ts';
import { type EventWay, startEventWay } from '../bench/stages/event-way.ts';

let way: EventWay;

beforeAll(async () => {
  way = await startEventWay(inject('assembly'));
  // Warm up: functions cache the account and the tenant's policy for a minute, so they are not read per event.
  await way.run({ events: 10, bodyBytes: 1_024, batches: { normalize: 10, deliver: 1 } });
});
afterAll(() => way.stop());

test('an event costs no more AWS requests than its budget, in batches of 10, including the poller', async () => {
  const cost = await way.run({ events: 30, bodyBytes: 1_024, batches: { normalize: 10, deliver: 1 } });
  expect(cost.delivered).toBe(30);
  expect(requestsPerEvent(cost)).toBeLessThanOrEqual(budgets.requestsPerEvent);
});

test('a record state and the pointer of its event are one request', async () => {
  const { stages } = await way.run({ events: 5, bodyBytes: 1_024, batches: { normalize: 1, deliver: 1 } });
  expect(stages.normalize.requests).toMatchObject({
    'dynamodb:BatchExecuteStatement': 5,
    'dynamodb:BatchWriteItem': 5,
  });
});

test('deliver reads the data of a batch with one request', async () => {
  const { stages } = await way.run({ events: 20, bodyBytes: 1_024, batches: { normalize: 10, deliver: 1 } });
  expect(stages.deliver.requests['dynamodb:BatchGetItem']).toBe(stages.deliver.invocations);
});

test('an event of a batch in which each belongs to another tenant costs no more AWS requests than its budget', async () => {
  const strangers = await startEventWay(inject('assembly'), { tenants: 10, subscriptions: 1 });
  const batches = { normalize: 10, deliver: 10 };
  await strangers.run({ events: 10, bodyBytes: 1_024, batches });
  const cost = await strangers.run({ events: 50, bodyBytes: 1_024, batches });
  await strangers.stop();
  expect(cost.delivered).toBe(50);
  expect(requestsPerEvent(cost)).toBeLessThanOrEqual(budgets.requestsPerEventOfTenTenants);
});
