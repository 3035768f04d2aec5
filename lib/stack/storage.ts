import { CfnOutput, Duration } from 'aws-cdk-lib';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { retentionClassesDays } from '../../lambdas/contracts/retention-classes.ts';
import { AccessLogBucket } from '../constructs/access-log-bucket.ts';
import { DataKey } from '../constructs/data-key.ts';
import { keepEmptierLogs } from '../constructs/empty-buckets.ts';
import { PrivateBucket } from '../constructs/private-bucket.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { createTables } from './tables.ts';

export type Storage = ReturnType<typeof createStorage>;

/** The engine's tables and buckets, encrypted with one key, and the key that only encrypts credentials. */
export function createStorage(builder: EngineBuilder) {
  const key = new DataKey(builder.scope, 'DataKey', {
    description: `Tributary (${builder.config.stage}): tables, payloads and raw archive`,
    removalPolicy: builder.removalPolicy,
  });
  // A role that reads the tables may still not read the credentials of accounts in them.
  const credentialsKey = new DataKey(builder.scope, 'CredentialsKey', {
    description: `Tributary (${builder.config.stage}): credentials of accounts`,
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
    [environmentKeys.credentialsTable]: tables.credentials.tableName,
    [environmentKeys.eventsTable]: tables.events.tableName,
    [environmentKeys.fetchesTable]: tables.fetches.tableName,
    [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
    [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
    [environmentKeys.limitsTable]: tables.limits.tableName,
    [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
    [environmentKeys.recordsTable]: tables.records.tableName,
    [environmentKeys.statisticsTable]: tables.statistics.tableName,
    [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
    [environmentKeys.syncsTable]: tables.syncs.tableName,
    [environmentKeys.tenantsTable]: tables.tenants.tableName,
    [environmentKeys.auditBucket]: buckets.audit.bucketName,
    [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
    [environmentKeys.rawBucket]: buckets.raw.bucketName,
    [environmentKeys.rawLocked]: String(buckets.raw.isLocked),
    [environmentKeys.credentialsKey]: credentialsKey.key.keyArn,
  });
  // What `tributary bootstrap-key` reads.
  const output = (name: string, value: string, description: string) =>
    new CfnOutput(builder.scope, name, { value, description });
  output('ApiKeysTable', tables.apiKeys.tableName, 'Table of API keys');
  output('AuditTable', tables.audit.tableName, 'Table of the audit');
  output('AuditBucket', buckets.audit.bucketName, 'Bucket of the audit, which nobody can change in prod');
  output('AuditRetentionDays', String(builder.config.auditRetentionDays), 'Days for which the audit is kept');
  return { tables, buckets, credentialsKey };
}

function createBuckets({ scope, config, removalPolicy }: EngineBuilder, encryptionKey: DataKey) {
  // The local runner deletes no stack.
  const isEmptied = !config.retainData && config.stage !== 'local';
  const accessLogs = new AccessLogBucket(scope, 'AccessLogs', {
    retention: Duration.days(config.logRetentionDays),
    removalPolicy,
    isEmptied,
  });
  const protection = { encryptionKey, accessLogs, removalPolicy, isEmptied };
  const buckets = {
    payloads: new PrivateBucket(scope, 'Payloads', {
      ...protection,
      // Keep them one day longer than the events that refer to them.
      expiration: Duration.days(config.retentionDays + 1),
      retentionClasses: retentionClassesDays
        .filter((days) => days < config.retentionDays)
        .map((days) => ({ days, expiration: Duration.days(days + 1) })),
    }),
    audit: new PrivateBucket(scope, 'AuditArchive', {
      ...protection,
      expiration: Duration.days(config.auditRetentionDays),
      // Not even the operator of the engine may rewrite the audit.
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
  if (isEmptied) keepEmptierLogs(scope, { logRetention: config.logRetentionDays, removalPolicy });
  return buckets;
}
