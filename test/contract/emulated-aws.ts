import { randomUUID } from 'node:crypto';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { toItem } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import {
  accountsByTenantIndex,
  apiKeysByOwnerIndex,
  auditByScopeIndex,
  endpointsByDueIndex,
  fetchesByDueIndex,
  statisticsByDayIndex,
  syncsByDueIndex,
} from '../../lambdas/contracts/tables.ts';
import { type EmulatorKind, startEmulator } from '../../lib/local/emulators/emulator.ts';

export const awsConfig = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

/** An emulator that runs during the tests of a file. */
export interface FileEmulator {
  endpoint(): string;
  /** Advance `Date.now()` in the emulator. */
  setClockOffset(offsetMs: number): Promise<void>;
}

/** Start an emulator before the tests of the file that calls this, and stop it after them. */
export function useEmulator(kind: EmulatorKind): FileEmulator {
  let emulator: Awaited<ReturnType<typeof startEmulator>>;
  beforeAll(async () => {
    emulator = await startEmulator(kind, (error) => {
      throw error;
    });
  });
  afterAll(() => emulator.stop());
  return {
    endpoint: () => emulator.endpoint,
    setClockOffset: (offsetMs) => emulator.setClockOffset(offsetMs),
  };
}

type Shape = Pick<CreateTableCommandInput, 'AttributeDefinitions' | 'KeySchema' | 'GlobalSecondaryIndexes'>;

const attribute = (AttributeName: string, AttributeType: 'S' | 'N' = 'S') => ({ AttributeName, AttributeType });
const keys = (partition: string, sort?: string) => [
  { AttributeName: partition, KeyType: 'HASH' as const },
  ...(sort === undefined ? [] : [{ AttributeName: sort, KeyType: 'RANGE' as const }]),
];

/** The tables as `lib/tributary-stack.ts` declares them. */
const tableShapes = {
  accounts: {
    AttributeDefinitions: [attribute('id'), attribute('tenant')],
    KeySchema: keys('id'),
    GlobalSecondaryIndexes: [
      { IndexName: accountsByTenantIndex, KeySchema: keys('tenant', 'id'), Projection: { ProjectionType: 'ALL' } },
    ],
  },
  accountContexts: {
    AttributeDefinitions: [attribute('context'), attribute('account')],
    KeySchema: keys('context', 'account'),
  },
  integrationSettings: { AttributeDefinitions: [attribute('integration')], KeySchema: keys('integration') },
  credentials: { AttributeDefinitions: [attribute('account')], KeySchema: keys('account') },
  parkedRequests: {
    AttributeDefinitions: [attribute('context'), attribute('rawId')],
    KeySchema: keys('context', 'rawId'),
  },
  consumers: { AttributeDefinitions: [attribute('tenant'), attribute('name')], KeySchema: keys('tenant', 'name') },
  apiKeys: {
    AttributeDefinitions: [attribute('id'), attribute('owner')],
    KeySchema: keys('id'),
    GlobalSecondaryIndexes: [
      { IndexName: apiKeysByOwnerIndex, KeySchema: keys('owner', 'id'), Projection: { ProjectionType: 'ALL' } },
    ],
  },
  audit: {
    AttributeDefinitions: [attribute('day'), attribute('entry'), attribute('scope')],
    KeySchema: keys('day', 'entry'),
    GlobalSecondaryIndexes: [
      { IndexName: auditByScopeIndex, KeySchema: keys('scope', 'entry'), Projection: { ProjectionType: 'ALL' } },
    ],
  },
  tenants: { AttributeDefinitions: [attribute('tenant')], KeySchema: keys('tenant') },
  subscriptions: { AttributeDefinitions: [attribute('tenant'), attribute('id')], KeySchema: keys('tenant', 'id') },
  events: {
    AttributeDefinitions: [attribute('tenant'), attribute('sequence', 'N')],
    KeySchema: keys('tenant', 'sequence'),
  },
  records: { AttributeDefinitions: [attribute('source'), attribute('record')], KeySchema: keys('source', 'record') },
  idempotency: { AttributeDefinitions: [attribute('id')], KeySchema: keys('id') },
  deliveries: {
    AttributeDefinitions: [attribute('subscription'), attribute('delivery')],
    KeySchema: keys('subscription', 'delivery'),
  },
  limits: {
    AttributeDefinitions: [attribute('id'), attribute('dueShard'), attribute('dueAtMs', 'N')],
    KeySchema: keys('id'),
    GlobalSecondaryIndexes: [
      {
        IndexName: endpointsByDueIndex,
        KeySchema: keys('dueShard', 'dueAtMs'),
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['endpoint', 'scope'] },
      },
    ],
  },
  fetches: {
    AttributeDefinitions: [attribute('queue'), attribute('record'), attribute('dueShard'), attribute('dueAtMs', 'N')],
    KeySchema: keys('queue', 'record'),
    GlobalSecondaryIndexes: [
      { IndexName: fetchesByDueIndex, KeySchema: keys('dueShard', 'dueAtMs'), Projection: { ProjectionType: 'ALL' } },
    ],
  },
  syncs: {
    AttributeDefinitions: [attribute('account'), attribute('row'), attribute('dueShard'), attribute('dueAtMs', 'N')],
    KeySchema: keys('account', 'row'),
    GlobalSecondaryIndexes: [
      {
        IndexName: syncsByDueIndex,
        KeySchema: keys('dueShard', 'dueAtMs'),
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  },
  statistics: {
    AttributeDefinitions: [attribute('scope'), attribute('hourIntegration'), attribute('dayShard')],
    KeySchema: keys('scope', 'hourIntegration'),
    GlobalSecondaryIndexes: [
      {
        IndexName: statisticsByDayIndex,
        KeySchema: keys('dayShard', 'hourIntegration'),
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  },
} satisfies Record<string, Shape>;

export interface Tables {
  client(): DynamoDBClient;
  /** Create a table for one test. @returns Its name. */
  create(kind: keyof typeof tableShapes): Promise<string>;
  put(table: string, row: object): Promise<void>;
}

/** DynamoDB for the tests of one file. */
export function useTables(): Tables {
  const emulator = useEmulator('dynalite');
  let client: DynamoDBClient;
  beforeAll(() => {
    client = new DynamoDBClient({ ...awsConfig, endpoint: emulator.endpoint() });
  });
  afterAll(() => client.destroy());
  return {
    client: () => client,
    async create(kind) {
      const TableName = `${kind}-${randomUUID()}`;
      await client.send(new CreateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST', ...tableShapes[kind] }));
      // dynalite activates a table one turn of the event loop after its creation.
      for (;;) {
        const { Table } = await client.send(new DescribeTableCommand({ TableName }));
        if (Table?.TableStatus === 'ACTIVE') return TableName;
      }
    },
    async put(table, row) {
      await client.send(new PutItemCommand({ TableName: table, Item: toItem({ ...row }) }));
    },
  };
}

/** Count the requests that a client sends from now on. */
export function countRequests(client: DynamoDBClient): { readonly count: () => number; readonly end: () => void } {
  let requests = 0;
  client.middlewareStack.add(
    (next) => (args) => {
      requests += 1;
      return next(args);
    },
    { step: 'finalizeRequest', name: 'count' },
  );
  return { count: () => requests, end: () => void client.middlewareStack.remove('count') };
}
