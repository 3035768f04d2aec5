import { fileURLToPath } from 'node:url';
import { CfnOutput, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import { environmentKeys, type FunctionName } from '../lambdas/contracts/environment.ts';
import { limits } from '../lambdas/contracts/limits.ts';
import { accountsByTenantIndex } from '../lambdas/contracts/tables.ts';
import type { TributaryConfig } from './config.ts';
import { AccessLogBucket } from './constructs/access-log-bucket.ts';
import { DataKey } from './constructs/data-key.ts';
import { EngineFunction, type FunctionEnvironment } from './constructs/engine-function.ts';
import { bundleFunction } from './constructs/function-bundle.ts';
import { OperatorAlarms } from './constructs/operator-alarms.ts';
import { PrivateBucket } from './constructs/private-bucket.ts';
import { PublicHttpApi } from './constructs/public-http-api.ts';
import { RecordTable } from './constructs/record-table.ts';
import { WorkQueue } from './constructs/work-queue.ts';
import { compileIntegrations } from './definitions/compile-integrations.ts';
import { compileResources } from './definitions/compile-resources.ts';

const functionsRoot = new URL('../lambdas/functions/', import.meta.url);
const integrationsRoot = new URL('../integrations/', import.meta.url);

/** Functions whose bundle carries the compiled integrations. */
const functionsWithIntegrations: ReadonlySet<FunctionName> = new Set<FunctionName>(['ingress', 'normalize', 'api']);

/** Functions whose bundle carries the schemas of the canonical resources. */
const functionsWithResources: ReadonlySet<FunctionName> = new Set<FunctionName>(['normalize', 'api']);

const text = (name: string) => ({ name, type: AttributeType.STRING });
const number = (name: string) => ({ name, type: AttributeType.NUMBER });

export interface TributaryStackProps {
  readonly config: TributaryConfig;
}

/** The engine of one stage. Construct ids are contract: changing one replaces what it names. */
export class TributaryStack extends Stack {
  private readonly config: TributaryConfig;
  private readonly removalPolicy: RemovalPolicy;
  private readonly alarms: OperatorAlarms;
  private readonly integrations = compileIntegrations(integrationsRoot);
  private readonly resources = compileResources(integrationsRoot);

  constructor(scope: Construct, id: string, { config }: TributaryStackProps) {
    super(scope, id, {
      description: `Tributary (${config.stage}): third-party APIs as one stream of signed record events`,
      terminationProtection: config.retainData,
    });
    Validations.of(this).addPlugins(new AwsSolutionsChecks(this));
    this.config = config;
    this.removalPolicy = config.retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.alarms = new OperatorAlarms(this, 'Alarms', { email: config.alarmEmail, removalPolicy: this.removalPolicy });

    const tables = this.tables();
    const buckets = this.buckets(tables.key);
    const rawQueue = this.queue('RawQueue', 'raw-queue', limits.normalizeTimeoutSeconds, Duration.minutes(5));
    // Retries wait in this queue for as long as SQS delays a message: their age alone says nothing.
    const deliveryQueue = this.queue(
      'DeliveryQueue',
      'delivery-queue',
      limits.deliverTimeoutSeconds,
      Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
    );
    const httpApi = new PublicHttpApi(this, 'HttpApi', {
      throttleRatePerSecond: config.throttleRatePerSecond,
      throttleBurst: config.throttleBurst,
      logRetention: config.logRetentionDays,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
    const publicUrl = config.publicUrl ?? httpApi.url;

    const ingress = this.engineFunction('Ingress', 'ingress', limits.ingressTimeoutSeconds, 512, {
      [environmentKeys.publicUrl]: publicUrl,
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
      [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
    });
    // A secret that a provider chooses in its handshake is stored where the others are.
    tables.accounts.grant(ingress, 'GetItem', 'PutItem');
    tables.integrationSettings.grant(ingress, 'GetItem', 'PutItem');
    tables.idempotency.grant(ingress, 'PutItem');
    buckets.raw.grantPut(ingress);
    rawQueue.queue.grantSendMessages(ingress);

    const normalize = this.engineFunction('Normalize', 'normalize', limits.normalizeTimeoutSeconds, 1024, {
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
      [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
      [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
      [environmentKeys.retentionDays]: String(config.retentionDays),
    });
    tables.accounts.grant(normalize, 'GetItem');
    tables.integrationSettings.grant(normalize, 'GetItem');
    tables.accountContexts.grant(normalize, 'Query');
    tables.parkedRequests.grant(normalize, 'BatchWriteItem');
    tables.subscriptions.grant(normalize, 'Query');
    tables.events.grant(normalize, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
    tables.idempotency.grant(normalize, 'GetItem', 'PutItem');
    buckets.raw.grantGet(normalize);
    buckets.payloads.grantPut(normalize);
    deliveryQueue.queue.grantSendMessages(normalize);
    rawQueue.deadLetterQueue.grantSendMessages(normalize);
    rawQueue.consumedBy(normalize, config.normalizeMaxConcurrency);

    const deliver = this.engineFunction('Deliver', 'deliver', limits.deliverTimeoutSeconds, 512, {
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
      [environmentKeys.deliveryDeadLetterQueueUrl]: deliveryQueue.deadLetterQueue.queueUrl,
      [environmentKeys.retentionDays]: String(config.retentionDays),
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
    });
    tables.subscriptions.grant(deliver, 'BatchGetItem');
    tables.events.grant(deliver, 'BatchGetItem');
    tables.deliveries.grant(deliver, 'BatchGetItem', 'BatchWriteItem');
    buckets.payloads.grantGet(deliver);
    deliveryQueue.queue.grantSendMessages(deliver);
    deliveryQueue.deadLetterQueue.grantSendMessages(deliver);
    deliveryQueue.consumedBy(deliver, config.deliverMaxConcurrency);

    const api = this.engineFunction('Api', 'api', limits.apiTimeoutSeconds, 512, {
      [environmentKeys.publicUrl]: publicUrl,
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
      [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
      [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
      [environmentKeys.apiKeysTable]: tables.apiKeys.tableName,
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
    });
    // An admin key lists the accounts of all tenants: that is the one scan.
    tables.accounts.grant(api, 'GetItem', 'PutItem', 'Query', 'Scan');
    tables.apiKeys.grant(api, 'GetItem');
    tables.accountContexts.grant(api, 'BatchWriteItem');
    tables.integrationSettings.grant(api, 'GetItem', 'PutItem');
    tables.parkedRequests.grant(api, 'DeleteItem', 'Query');
    // A parked request is sent again when its account is made.
    rawQueue.queue.grantSendMessages(api);
    rawQueue.deadLetterQueue.grantConsumeMessages(api);
    tables.subscriptions.grant(api, 'BatchGetItem', 'GetItem', 'PutItem', 'Query');
    tables.events.grant(api, 'BatchGetItem', 'Query');
    tables.idempotency.grant(api, 'GetItem');
    tables.deliveries.grant(api, 'Query');
    buckets.payloads.grantGet(api);

    httpApi.route(
      ingress,
      HttpRouteKey.with('/in/{integration}', HttpMethod.ANY),
      HttpRouteKey.with('/in/{integration}/{account}', HttpMethod.ANY),
    );
    httpApi.route(
      api,
      HttpRouteKey.with('/v1/{proxy+}', HttpMethod.ANY),
      HttpRouteKey.with('/healthz', HttpMethod.GET),
      // Unknown routes get the API's own 404, as problem+json.
      HttpRouteKey.DEFAULT,
    );

    new CfnOutput(this, 'ApiUrl', { value: publicUrl, description: 'Origin of webhook URLs, admin API and feed' });
  }

  private tables() {
    const key = new DataKey(this, 'DataKey', {
      description: `Tributary (${this.config.stage}): tables, payloads and raw archive`,
      removalPolicy: this.removalPolicy,
    });
    const protection = { encryptionKey: key, removalPolicy: this.removalPolicy };
    return {
      key,
      accounts: new RecordTable(this, 'Accounts', {
        ...protection,
        partitionKey: text('id'),
        indexes: { [accountsByTenantIndex]: { partitionKey: text('tenant'), sortKey: text('id') } },
      }),
      accountContexts: new RecordTable(this, 'AccountContexts', {
        ...protection,
        partitionKey: text('context'),
        sortKey: text('account'),
      }),
      integrationSettings: new RecordTable(this, 'IntegrationSettings', {
        ...protection,
        partitionKey: text('integration'),
      }),
      parkedRequests: new RecordTable(this, 'ParkedRequests', {
        ...protection,
        partitionKey: text('context'),
        sortKey: text('rawId'),
      }),
      apiKeys: new RecordTable(this, 'ApiKeys', { ...protection, partitionKey: text('id') }),
      subscriptions: new RecordTable(this, 'Subscriptions', {
        ...protection,
        partitionKey: text('tenant'),
        sortKey: text('id'),
      }),
      events: new RecordTable(this, 'Events', {
        ...protection,
        partitionKey: text('tenant'),
        sortKey: number('sequence'),
      }),
      idempotency: new RecordTable(this, 'Idempotency', { ...protection, partitionKey: text('id') }),
      deliveries: new RecordTable(this, 'Deliveries', {
        ...protection,
        partitionKey: text('subscription'),
        sortKey: text('delivery'),
      }),
    };
  }

  private buckets(encryptionKey: DataKey) {
    const { removalPolicy } = this;
    const accessLogs = new AccessLogBucket(this, 'AccessLogs', {
      retention: Duration.days(this.config.logRetentionDays),
      removalPolicy,
    });
    const protection = { encryptionKey, accessLogs, removalPolicy };
    return {
      payloads: new PrivateBucket(this, 'Payloads', {
        ...protection,
        // A day more than the events that refer to them.
        expiration: Duration.days(this.config.retentionDays + 1),
      }),
      raw: new PrivateBucket(this, 'Raw', {
        ...protection,
        expiration: Duration.days(this.config.rawRetentionDays),
        writeOnce: this.config.retainData ? 'locked' : 'versioned',
      }),
    };
  }

  private queue(id: string, name: string, consumerTimeoutSeconds: number, stuckAfter: Duration): WorkQueue {
    return new WorkQueue(this, id, {
      name,
      consumerTimeout: Duration.seconds(consumerTimeoutSeconds),
      stuckAfter,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
  }

  private engineFunction<Name extends FunctionName>(
    id: string,
    name: Name,
    timeoutSeconds: number,
    memorySizeMb: number,
    environment: FunctionEnvironment<Name>,
  ): EngineFunction<Name> {
    return new EngineFunction(this, id, {
      name,
      bundle: bundleFunction({
        entry: fileURLToPath(new URL(`${name}/${name}.lambda.ts`, functionsRoot)),
        ...(functionsWithIntegrations.has(name) ? { integrations: this.integrations } : {}),
        ...(functionsWithResources.has(name) ? { resources: this.resources } : {}),
      }),
      environment,
      timeout: Duration.seconds(timeoutSeconds),
      memorySizeMb,
      logRetention: this.config.logRetentionDays,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
  }
}
