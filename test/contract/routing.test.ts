import { describe, expect, test } from 'vitest';
import { createDynamoAccountContexts } from '../../lambdas/adapters/aws/dynamo-account-contexts.ts';
import { createDynamoIntegrationSettings } from '../../lambdas/adapters/aws/dynamo-integration-settings.ts';
import {
  createDynamoParkedRequests,
  createDynamoRequestParking,
} from '../../lambdas/adapters/aws/dynamo-parked-requests.ts';
import { createInMemoryContexts, createInMemoryParking, createInMemorySettings } from '../fakes/in-memory-routing.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { rawMessage } from '../flow/provider-request.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const clock = createManualClock();

const implementations = [
  [
    'the fake',
    async () => ({
      contexts: createInMemoryContexts(),
      parking: createInMemoryParking(),
      settings: createInMemorySettings(),
    }),
  ],
  [
    'DynamoDB',
    async () => {
      const [contexts, parked, settings] = await Promise.all(
        (['accountContexts', 'parkedRequests', 'integrationSettings'] as const).map((name) => tables.create(name)),
      );
      const client = tables.client();
      return {
        contexts: createDynamoAccountContexts(client, contexts as string),
        parking: {
          ...createDynamoRequestParking(client, parked as string, { clock, retentionDays: 30 }),
          ...createDynamoParkedRequests(client, parked as string, clock),
        },
        settings: createDynamoIntegrationSettings(client, settings as string, clock),
      };
    },
  ],
] as const;

describe.each(implementations)('routing on %s', (_, open) => {
  test('a value finds every account that registered it, of its integration alone', async () => {
    const { contexts } = await open();
    await contexts.register('staff', ['1', 'a b'], 'acc_1');
    await contexts.register('staff', ['1'], 'acc_2');
    await contexts.register('staff b', ['1'], 'acc_3');
    expect(await contexts.find('staff', '1')).toEqual(['acc_1', 'acc_2']);
    expect(await contexts.find('staff', 'a b')).toEqual(['acc_1']);
    expect(await contexts.find('crm', '1')).toEqual([]);
  });

  test('a parked request waits under each of its values, once, until it is removed', async () => {
    const { parking } = await open();
    const [first, second] = [rawMessage('raw_1', [{ verb: 'created', id: 'ü' }]), rawMessage('raw_2', [])];
    for (const message of [second, first, first]) await parking.park('staff', ['1', '2'], message);
    expect(await parking.list('staff', '1', 10)).toEqual([first, second]);
    expect(await parking.list('staff', '1', 1)).toEqual([first]);
    await parking.remove('staff', '1', 'raw_1');
    await parking.remove('staff', '1', 'raw_unknown');
    expect(await parking.list('staff', '1', 10)).toEqual([second]);
    expect(await parking.list('staff', '2', 10)).toEqual([first, second]);
    expect(await parking.list('crm', '1', 10)).toEqual([]);
  });

  test('settings are replaced whole, and read as they are now when asked for age 0', async () => {
    const { settings } = await open();
    expect(await settings.get('staff', 60_000)).toBeUndefined();
    await settings.put({ integration: 'staff', secrets: { signing_secret: 'old' } });
    expect(await settings.get('staff', 60_000)).toEqual({ integration: 'staff', secrets: { signing_secret: 'old' } });
    await settings.put({ integration: 'staff', secrets: { signing_secret: ['old', 'new'] } });
    expect(await settings.get('staff', 0)).toMatchObject({ secrets: { signing_secret: ['old', 'new'] } });
  });
});
