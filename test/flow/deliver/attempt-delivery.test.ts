import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { newDelivery, recordAttempt } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { aSubscription } from '../../fakes/samples.ts';

test('the attempts of a delivery fit into one stored row, however long the answers of its endpoint are', () => {
  const prepared = prepareSubscription(
    aSubscription({ retry: { scheduleMs: Array.from({ length: 40 }, () => 1000) } }),
  );
  // Each byte that is not valid UTF-8 becomes three bytes.
  const response = '\uFFFD'.repeat(limits.callbackResponseKeptBytes);
  let delivery = newDelivery({
    subscription: 'sub_1',
    scope: 'acme',
    event: 'evt_1',
    tenant: 'acme',
    sequence: 1,
    timestamp: '2026-11-21T12:00:00.000Z',
  });
  for (let attempt = 1; attempt <= 30; attempt += 1)
    delivery = recordAttempt(
      prepared.rules,
      delivery,
      { kind: 'answered', status: 500, retryAfter: undefined, response, durationMs: 5 },
      { isProbe: false, nowMs: Date.parse('2026-11-21T12:00:00.000Z'), random: 0.5 },
    ).delivery;
  expect(delivery.attemptCount).toBe(30);
  expect(delivery.attempts).toHaveLength(20);
  expect(delivery.attempts.at(-1)?.response).toBe(response);
  expect(delivery.attempts[0]?.response).toHaveLength(1024);
  // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
  expect(Buffer.byteLength(JSON.stringify(delivery))).toBeLessThan(400 * 1024);
});
