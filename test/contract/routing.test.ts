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
    const first = { integration: 'staff', secrets: { signing_secret: 'old' }, revision: 0 };
    expect(await settings.replace(first)).toBe(true);
    expect(await settings.get('staff', 60_000)).toEqual({ ...first, revision: 1 });
    expect(await settings.replace(first), 'fails when somebody else wrote in between').toBe(false);
    const second = { integration: 'staff', secrets: { signing_secret: ['old', 'new'] }, revision: 1 };
    expect(await settings.replace(second)).toBe(true);
    expect(await settings.replace(second)).toBe(false);
    expect(await settings.get('staff', 0)).toMatchObject({ secrets: { signing_secret: ['old', 'new'] } });
  });

  test('settings are made by one of many at once, and keep what they wait for until it is left out', async () => {
    const { settings } = await open();
    const capture = { secrets: ['signing_secret'], expiresAtEpochSeconds: 1_795_348_800 };
    const made = Array.from({ length: 8 }, (_, at) =>
      settings.replace({ integration: 'staff', secrets: { at: String(at) }, capture, revision: 0 }),
    );
    expect((await Promise.all(made)).filter((isWritten) => isWritten)).toHaveLength(1);
    expect(await settings.get('staff', 0)).toMatchObject({ capture, revision: 1 });
    expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 1 })).toBe(true);
    expect(await settings.get('staff', 0)).toEqual({ integration: 'staff', secrets: {}, revision: 2 });
    expect(await settings.replace({ integration: 'crm', secrets: {}, revision: 3 }), 'there is none').toBe(false);
    expect(await settings.get('crm', 0)).toBeUndefined();
  });
});

test('settings that were stored before their writes were counted are replaced like any other', async () => {
  const table = await tables.create('integrationSettings');
  await tables.put(table, { integration: 'staff', secrets: { signing_secret: 'old' } });
  const settings = createDynamoIntegrationSettings(tables.client(), table, clock);
  expect(await settings.get('staff', 0)).toEqual({
    integration: 'staff',
    secrets: { signing_secret: 'old' },
    revision: 0,
  });
  expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 0 })).toBe(true);
  expect(await settings.replace({ integration: 'staff', secrets: {}, revision: 0 })).toBe(false);
  expect(await settings.get('staff', 0)).toEqual({ integration: 'staff', secrets: {}, revision: 1 });
});
