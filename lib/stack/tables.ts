import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import {
  accountsByTenantIndex,
  apiKeysByOwnerIndex,
  auditByScopeIndex,
  endpointsByDueIndex,
  fetchesByDueIndex,
  statisticsByDayIndex,
  syncsByDueIndex,
} from '../../lambdas/contracts/tables.ts';
import type { DataKey } from '../constructs/data-key.ts';
import { RecordTable, type RecordTableProps } from '../constructs/record-table.ts';
import type { EngineBuilder } from './engine-builder.ts';

const text = (name: string) => ({ name, type: AttributeType.STRING });
const number = (name: string) => ({ name, type: AttributeType.NUMBER });

/** How each table is encrypted, and whether it outlives the stack. */
type Protection = Pick<RecordTableProps, 'encryptionKey' | 'removalPolicy'>;

export function createTables({ scope, removalPolicy }: EngineBuilder, encryptionKey: DataKey) {
  const protection = { encryptionKey, removalPolicy };
  return {
    ...createAccountTables(scope, protection),
    ...createAccessTables(scope, protection),
    ...createEventTables(scope, protection),
    ...createStateTables(scope, protection),
  };
}

/** Tenants, their accounts, and the requests that wait for an account. */
function createAccountTables(scope: Construct, protection: Protection) {
  return {
    accounts: new RecordTable(scope, 'Accounts', {
      ...protection,
      partitionKey: text('id'),
      indexes: { [accountsByTenantIndex]: { partitionKey: text('tenant'), sortKey: text('id') } },
    }),
    tenants: new RecordTable(scope, 'Tenants', { ...protection, partitionKey: text('tenant') }),
    accountContexts: new RecordTable(scope, 'AccountContexts', {
      ...protection,
      partitionKey: text('context'),
      sortKey: text('account'),
    }),
    integrationSettings: new RecordTable(scope, 'IntegrationSettings', {
      ...protection,
      partitionKey: text('integration'),
    }),
    // Sealed with a key of their own, too.
    credentials: new RecordTable(scope, 'Credentials', { ...protection, partitionKey: text('account') }),
    parkedRequests: new RecordTable(scope, 'ParkedRequests', {
      ...protection,
      partitionKey: text('context'),
      sortKey: text('rawId'),
    }),
  };
}

/** Who may call the API, what callers did, and who receives events. */
function createAccessTables(scope: Construct, protection: Protection) {
  return {
    consumers: new RecordTable(scope, 'Consumers', {
      ...protection,
      partitionKey: text('tenant'),
      sortKey: text('name'),
    }),
    apiKeys: new RecordTable(scope, 'ApiKeys', {
      ...protection,
      partitionKey: text('id'),
      indexes: { [apiKeysByOwnerIndex]: { partitionKey: text('owner'), sortKey: text('id') } },
    }),
    audit: new RecordTable(scope, 'Audit', {
      ...protection,
      partitionKey: text('day'),
      sortKey: text('entry'),
      indexes: { [auditByScopeIndex]: { partitionKey: text('scope'), sortKey: text('entry') } },
    }),
    subscriptions: new RecordTable(scope, 'Subscriptions', {
      ...protection,
      partitionKey: text('tenant'),
      sortKey: text('id'),
    }),
  };
}

/** Events and their deliveries. */
function createEventTables(scope: Construct, protection: Protection) {
  return {
    events: new RecordTable(scope, 'Events', {
      ...protection,
      partitionKey: text('tenant'),
      sortKey: number('sequence'),
    }),
    // The states of records, spread over partitions of their account.
    records: new RecordTable(scope, 'Records', {
      ...protection,
      partitionKey: text('source'),
      sortKey: text('record'),
    }),
    idempotency: new RecordTable(scope, 'Idempotency', { ...protection, partitionKey: text('id') }),
    deliveries: new RecordTable(scope, 'Deliveries', {
      ...protection,
      partitionKey: text('subscription'),
      sortKey: text('delivery'),
    }),
  };
}

/** Rate limits, the state of endpoints, and counts. */
function createStateTables(scope: Construct, protection: Protection) {
  return {
    limits: new RecordTable(scope, 'Limits', {
      ...protection,
      partitionKey: text('id'),
      indexes: {
        // Finds the endpoints that are due; their state is read from the table.
        [endpointsByDueIndex]: {
          partitionKey: text('dueShard'),
          sortKey: number('dueAtMs'),
          holds: ['endpoint', 'scope'],
        },
      },
    }),
    // Records that wait to be read, by account and resource, and the runs that read them.
    fetches: new RecordTable(scope, 'Fetches', {
      ...protection,
      partitionKey: text('queue'),
      sortKey: text('record'),
      indexes: { [fetchesByDueIndex]: { partitionKey: text('dueShard'), sortKey: number('dueAtMs') } },
    }),
    // The syncs of accounts, their cursors and their runs.
    syncs: new RecordTable(scope, 'Syncs', {
      ...protection,
      partitionKey: text('account'),
      sortKey: text('row'),
      indexes: {
        // Finds the syncs that are due; what they do, which changes with each page, is read from the table.
        [syncsByDueIndex]: { partitionKey: text('dueShard'), sortKey: number('dueAtMs'), holds: [] },
      },
    }),
    statistics: new RecordTable(scope, 'Statistics', {
      ...protection,
      partitionKey: text('scope'),
      sortKey: text('hourIntegration'),
      indexes: {
        // Finds the rows of a day; their counts, which change with each batch, are read from the table.
        [statisticsByDayIndex]: { partitionKey: text('dayShard'), sortKey: text('hourIntegration'), holds: [] },
      },
    }),
  };
}
