import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { createDynamoDeliveryStore } from '../../../lambdas/adapters/dynamo/stores/delivery-store.ts';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { newDelivery } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { useRunningEngine } from '../../e2e/running-engine.ts';
import { useConsole } from '../a-browser.ts';

const running = useRunningEngine();
const inBrowser = useConsole(running);

const count = 100_000;
const writtenTogether = 500;
const mostMs = 1_000;

test(`a list of ${count} deliveries shows its first page within ${mostMs} ms`, async () => {
  const { engine, subscriber, account, github, eventually, call } = running();
  const { id } = await subscriber({ tenant: 'many' });
  const { url } = await account('github', { tenant: 'many' });
  await github(url);
  await eventually(async () => (await call('GET', `/v1/subscriptions/${id}/deliveries`)).body.data.length === 1);
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const store = createDynamoDeliveryStore(
    client,
    engine.environment('deliver')[environmentKeys.deliveriesTable] ?? '',
    {
      clock: { nowMs: () => engine.now() },
      retentionDays: 30,
    },
  );
  const nowMs = engine.now();
  for (let first = 0; first < count; first += writtenTogether)
    await store.putMany(
      Array.from({ length: Math.min(writtenTogether, count - first) }, (_, place) => {
        const timestamp = new Date(nowMs - (first + place) * 1_000).toISOString();
        const job = { subscription: id, scope: 'many', event: `evt_${first + place}`, tenant: 'many', sequence: 1 };
        return { ...newDelivery({ ...job, timestamp }), state: 'delivered' as const };
      }),
    );
  client.destroy();
  const { page, goto } = await inBrowser().asPartner('many');
  // The first visit loads the page's own files.
  await goto('/deliveries');
  await page.getByRole('row').nth(40).waitFor();
  const startedMs = performance.now();
  await goto('/deliveries?state=delivered');
  await page.getByRole('row').nth(40).waitFor();
  expect(performance.now() - startedMs).toBeLessThan(mostMs);
}, 900_000);
