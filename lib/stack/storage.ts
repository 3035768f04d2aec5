import { Duration } from 'aws-cdk-lib';
import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { retentionClassesDays } from '../../lambdas/contracts/retention-classes.ts';
import {
  accountsByTenantIndex,
  apiKeysByOwnerIndex,
  auditByScopeIndex,
  endpointsByDueIndex,
  statisticsByDayIndex,
} from '../../lambdas/contracts/tables.ts';
import { AccessLogBucket } from '../constructs/access-log-bucket.ts';
import { DataKey } from '../constructs/data-key.ts';
import { PrivateBucket } from '../constructs/private-bucket.ts';
import { RecordTable } from '../constructs/record-table.ts';
import type { EngineBuilder } from './engine-builder.ts';

export type Storage = ReturnType<typeof createStorage>;

/** All that the engine stores: its tables and buckets, encrypted with one key. */
export function createStorage(builder: EngineBuilder) {
  const key = new DataKey(builder.scope, 'DataKey', {
    description: `Tributary (${builder.config.stage}): tables, payloads and raw archive`,
    removalPolicy: builder.removalPolicy,
  });
  const [tables, buckets] = [createTables(builder, key), createBuckets(builder, key)];
  builder.setEnvironment({
    [environmentKeys.accountsTable]: tables.accounts.tableName,
    [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
    [environmentKeys.apiKeysTable]: tables.apiKeys.tableName,
    [environmentKeys.auditTable]: tables.audit.tableName,
    [environmentKeys.consumersTable]: tables.consumers.tableName,
    [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
    [environmentKeys.eventsTable]: tables.events.tableName,
    [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
    [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
    [environmentKeys.limitsTable]: tables.limits.tableName,
    [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
    [environmentKeys.statisticsTable]: tables.statistics.tableName,
    [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
    [environmentKeys.tenantsTable]: tables.tenants.tableName,
    [environmentKeys.auditBucket]: buckets.audit.bucketName,
    [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
    [environmentKeys.rawBucket]: buckets.raw.bucketName,
    [environmentKeys.rawLocked]: String(buckets.raw.isLocked),
  });
  return { tables, buckets };
}

const text = (name: string) => ({ name, type: AttributeType.STRING });
const number = (name: string) => ({ name, type: AttributeType.NUMBER });

function createTables(builder: EngineBuilder, key: DataKey) {
  const { scope, removalPolicy } = builder;
  const protection = { encryptionKey: key, removalPolicy: removalPolicy };
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
    parkedRequests: new RecordTable(scope, 'ParkedRequests', {
      ...protection,
      partitionKey: text('context'),
      sortKey: text('rawId'),
    }),
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
    events: new RecordTable(scope, 'Events', {
      ...protection,
      partitionKey: text('tenant'),
      sortKey: number('sequence'),
    }),
    idempotency: new RecordTable(scope, 'Idempotency', { ...protection, partitionKey: text('id') }),
    deliveries: new RecordTable(scope, 'Deliveries', {
      ...protection,
      partitionKey: text('subscription'),
      sortKey: text('delivery'),
    }),
    limits: new RecordTable(scope, 'Limits', {
      ...protection,
      partitionKey: text('id'),
      indexes: {
        // What is due is read here, and its state where it stands.
        [endpointsByDueIndex]: {
          partitionKey: text('dueShard'),
          sortKey: number('dueAtMs'),
          holds: ['endpoint', 'scope'],
        },
      },
    }),
    statistics: new RecordTable(scope, 'Statistics', {
      ...protection,
      partitionKey: text('scope'),
      sortKey: text('hourIntegration'),
      indexes: {
        // Which rows there are: counts change with each batch, and are read where they stand.
        [statisticsByDayIndex]: { partitionKey: text('dayShard'), sortKey: text('hourIntegration'), holds: [] },
      },
    }),
  };
}

function createBuckets({ scope, config, removalPolicy }: EngineBuilder, encryptionKey: DataKey) {
  const accessLogs = new AccessLogBucket(scope, 'AccessLogs', {
    retention: Duration.days(config.logRetentionDays),
    removalPolicy,
  });
  const protection = { encryptionKey, accessLogs, removalPolicy };
  return {
    payloads: new PrivateBucket(scope, 'Payloads', {
      ...protection,
      // A day more than the events that refer to them.
      expiration: Duration.days(config.retentionDays + 1),
      retentionClasses: retentionClassesDays
        .filter((days) => days < config.retentionDays)
        .map((days) => ({ days, expiration: Duration.days(days + 1) })),
    }),
    audit: new PrivateBucket(scope, 'AuditArchive', {
      ...protection,
      expiration: Duration.days(config.auditRetentionDays),
      // Not even the operator of the engine may rewrite what the engine did.
      writeOnce: config.retainData ? 'immutable' : 'versioned',
    }),
    raw: new PrivateBucket(scope, 'Raw', {
      ...protection,
      expiration: Duration.days(config.rawRetentionDays),
      retentionClasses: retentionClassesDays
        .filter((days) => days < config.rawRetentionDays)
        .map((days) => ({ days, expiration: Duration.days(days) })),
      // An erasure must be able to bypass the lock.
      writeOnce: config.retainData ? 'locked' : 'versioned',
    }),
  };
}
