import { fileURLToPath } from 'node:url';
import { CfnOutput, CfnRule, Duration, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import { environmentKeys, type FunctionName, functionEnvironments } from '../lambdas/contracts/environment.ts';
import { limits } from '../lambdas/contracts/limits.ts';
import {
  type ApiNote,
  type DispatchNote,
  type EndpointNote,
  type IngressNote,
  metricsNamespace,
} from '../lambdas/contracts/outcomes.ts';
import { retentionClassesDays } from '../lambdas/contracts/retention-classes.ts';
import {
  accountsByTenantIndex,
  apiKeysByOwnerIndex,
  auditByScopeIndex,
  endpointsByDueIndex,
  statisticsByDayIndex,
} from '../lambdas/contracts/tables.ts';
import type { TributaryConfig } from './config.ts';
import { AccessLogBucket } from './constructs/access-log-bucket.ts';
import { DataKey } from './constructs/data-key.ts';
import { EngineFunction, type FunctionEnvironment } from './constructs/engine-function.ts';
import { bundleFunction } from './constructs/function-bundle.ts';
import { MinuteSchedule } from './constructs/minute-schedule.ts';
import { OperatorAlarms } from './constructs/operator-alarms.ts';
import { PrivateBucket } from './constructs/private-bucket.ts';
import { PublicHttpApi } from './constructs/public-http-api.ts';
import { RecordTable } from './constructs/record-table.ts';
import { WorkQueue } from './constructs/work-queue.ts';
import { compileIntegrations } from './definitions/compile-integrations.ts';
import { compileVersionedResources } from './definitions/compile-resources.ts';

/** Tenants whose data is erased at the same time: the least that SQS allows. */
const governMaxConcurrency = 2;

/** Refused keys and tokens in five minutes from which a person is asked to look. */
const refusedCredentialsToAlarm = 100;

const functionsRoot = new URL('../lambdas/functions/', import.meta.url);
const integrationsRoot = new URL('../integrations/', import.meta.url);

/** Functions whose bundle carries the compiled integrations. */
const functionsWithIntegrations: ReadonlySet<FunctionName> = new Set<FunctionName>(['ingress', 'normalize', 'api']);

/** Functions whose bundle carries the schemas of the canonical resources, with the older ones that are served. */
const functionsWithResources: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'normalize',
  'api',
  'deliver',
  'drain',
]);

/** Functions that evaluate expressions, in a process of their own. */
const functionsWithExpressions: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'normalize',
  'api',
  'deliver',
  'drain',
]);

/**
 * Functions that send to the queue that invokes them: deliver puts off an attempt, drain and govern leave the rest of
 * their work to the next run. Their chains end by what they do, not after 16 messages.
 */
const functionsThatRequeueThemselves: ReadonlySet<FunctionName> = new Set<FunctionName>(['deliver', 'drain', 'govern']);

/** Functions that call what is not AWS's: those that have to know which addresses they may reach. */
const functionsThatCallOut: ReadonlySet<FunctionName> = new Set(
  (Object.keys(functionEnvironments) as FunctionName[]).filter((name) =>
    (functionEnvironments[name] as readonly string[]).includes(environmentKeys.egressAllowedRanges),
  ),
);

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
  private readonly resources = compileVersionedResources(integrationsRoot);

  constructor(scope: Construct, id: string, { config }: TributaryStackProps) {
    super(scope, id, {
      description: `Tributary (${config.stage}): third-party APIs as one stream of signed record events`,
      terminationProtection: config.retainData,
    });
    Validations.of(this).addPlugins(new AwsSolutionsChecks(this));
    this.config = config;
    this.removalPolicy = config.retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    if (config.stage === 'local')
      new CfnRule(this, 'OneMachineOnly', {
        assertions: [
          {
            assert: Fn.conditionEquals('local', 'a stage that is deployed'),
            assertDescription: 'The stage local takes plain http and calls loopback: it runs on one machine only.',
          },
        ],
      });
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
    // Drains wait here in the same way for an endpoint's next probe, or for the end of its pause.
    const drainQueue = this.queue(
      'DrainQueue',
      'drain-queue',
      limits.drainTimeoutSeconds,
      Duration.minutes(10).plus(Duration.millis(limits.queueMaxDelayMs)),
    );
    // An erasure waits here between two passes, and for no longer.
    const governanceQueue = this.queue(
      'GovernanceQueue',
      'governance-queue',
      limits.governTimeoutSeconds,
      Duration.minutes(15),
    );
    const httpApi = new PublicHttpApi(this, 'HttpApi', {
      throttle: { ratePerSecond: config.throttleRatePerSecond, burst: config.throttleBurst },
      logRetention: config.logRetentionDays,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
    const publicUrl = config.publicUrl ?? httpApi.url;
    // The API's own endpoint answers beside a custom domain.
    const ownOrigins = [...new Set([publicUrl, httpApi.url, ...config.ownOrigins])].join(',');

    const ingress = this.engineFunction('Ingress', 'ingress', limits.ingressTimeoutSeconds, 512, {
      [environmentKeys.publicUrl]: publicUrl,
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.rawLocked]: String(buckets.raw.isLocked),
      [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
      [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.ingressAccountRatePerMinute]: String(config.ingressAccountRatePerMinute),
      [environmentKeys.ingressTenantRatePerMinute]: String(config.ingressTenantRatePerMinute),
      [environmentKeys.statisticsTable]: tables.statistics.tableName,
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
      [environmentKeys.ownOrigins]: ownOrigins,
    });
    // A secret that a provider chooses in its handshake is stored where the others are.
    tables.accounts.grant(ingress, 'GetItem', 'PutItem');
    tables.integrationSettings.grant(ingress, 'GetItem', 'PutItem');
    tables.accountContexts.grant(ingress, 'Query');
    tables.limits.grant(ingress, 'GetItem', 'UpdateItem');
    tables.idempotency.grant(ingress, 'PutItem');
    tables.statistics.grant(ingress, 'UpdateItem');
    buckets.raw.grantPut(ingress);
    buckets.raw.grantRetain(ingress);
    rawQueue.queue.grantSendMessages(ingress);

    const normalize = this.engineFunction('Normalize', 'normalize', limits.normalizeTimeoutSeconds, 1024, {
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
      [environmentKeys.ownOrigins]: ownOrigins,
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
      [environmentKeys.tenantsTable]: tables.tenants.tableName,
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.statisticsTable]: tables.statistics.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.rawLocked]: String(buckets.raw.isLocked),
      [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
      [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
      [environmentKeys.drainQueueUrl]: drainQueue.queue.queueUrl,
      [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
      [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
      [environmentKeys.retentionDays]: String(config.retentionDays),
    });
    // An account gets the key of what is archived of it with its first request.
    tables.accounts.grant(normalize, 'BatchGetItem', 'GetItem', 'UpdateItem');
    tables.integrationSettings.grant(normalize, 'GetItem');
    tables.accountContexts.grant(normalize, 'BatchGetItem', 'Query');
    tables.parkedRequests.grant(normalize, 'BatchWriteItem');
    tables.tenants.grant(normalize, 'BatchGetItem');
    // Versions of what publishing remembers; and what has changed.
    tables.subscriptions.grant(normalize, 'BatchGetItem', 'Query');
    tables.events.grant(normalize, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
    tables.idempotency.grant(normalize, 'BatchGetItem', 'PartiQLInsert', 'PutItem');
    tables.statistics.grant(normalize, 'UpdateItem');
    buckets.raw.grantGet(normalize);
    // Every request that has ended is archived.
    buckets.raw.grantPut(normalize);
    buckets.raw.grantRetain(normalize);
    buckets.payloads.grantPut(normalize);
    buckets.payloads.grantRetain(normalize);
    deliveryQueue.queue.grantSendMessages(normalize);
    // Ordered subscriptions take their events from the feed: they are told that there are some, unless they know.
    tables.limits.grant(normalize, 'BatchGetItem', 'UpdateItem');
    drainQueue.queue.grantSendMessages(normalize);
    rawQueue.deadLetterQueue.grantSendMessages(normalize);
    rawQueue.consumedBy(normalize, config.normalizeMaxConcurrency);

    const sendingEnvironment = {
      [environmentKeys.tenantsTable]: tables.tenants.tableName,
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
      [environmentKeys.drainQueueUrl]: drainQueue.queue.queueUrl,
      [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
      [environmentKeys.retentionDays]: String(config.retentionDays),
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
      [environmentKeys.ownOrigins]: ownOrigins,
    };
    const deliver = this.engineFunction('Deliver', 'deliver', limits.deliverTimeoutSeconds, 512, sendingEnvironment);
    const drain = this.engineFunction('Drain', 'drain', limits.drainTimeoutSeconds, 512, sendingEnvironment);
    const defaultBus = EventBus.fromEventBusName(this, 'DefaultBus', 'default');
    for (const sender of [deliver, drain]) {
      tables.tenants.grant(sender, 'BatchGetItem');
      // Query: who wants to be told of a subscription. PutItem: an endpoint that fails is disabled.
      tables.subscriptions.grant(sender, 'BatchGetItem', 'PutItem', 'Query');
      // What is to be told is published like any event.
      tables.events.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'UpdateItem');
      tables.idempotency.grant(sender, 'BatchGetItem', 'PartiQLInsert', 'PutItem');
      // Query: the backlog, of which deliver asks whether it fills a batch.
      tables.deliveries.grant(sender, 'BatchGetItem', 'BatchWriteItem', 'PartiQLInsert', 'PutItem', 'Query');
      tables.limits.grant(sender, 'BatchGetItem', 'PartiQLUpdate', 'UpdateItem');
      buckets.payloads.grantGet(sender);
      buckets.payloads.grantPut(sender);
      buckets.payloads.grantRetain(sender);
      deliveryQueue.queue.grantSendMessages(sender);
      drainQueue.queue.grantSendMessages(sender);
      defaultBus.grantPutEventsTo(sender);
    }
    // The feed, which ordered subscriptions and replays follow; the replay itself.
    tables.events.grant(drain, 'Query');
    tables.deliveries.grant(drain, 'GetItem');
    deliveryQueue.consumedBy(deliver, config.deliverMaxConcurrency);
    drainQueue.consumedBy(drain, config.drainMaxConcurrency, limits.drainBatchSize);
    this.endpointAlarms();
    this.ingressAlarms();

    const dispatch = this.engineFunction('Dispatch', 'dispatch', limits.dispatchTimeoutSeconds, 512, {
      [environmentKeys.tenantsTable]: tables.tenants.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.deliveryQueueUrl]: deliveryQueue.queue.queueUrl,
      [environmentKeys.drainQueueUrl]: drainQueue.queue.queueUrl,
      [environmentKeys.governanceQueueUrl]: governanceQueue.queue.queueUrl,
      [environmentKeys.retentionDays]: String(config.retentionDays),
    });
    tables.events.grant(dispatch, 'BatchGetItem');
    // GetItem, PutItem: a replay that has fallen silent is started again, and so is an erasure.
    tables.deliveries.grant(dispatch, 'BatchGetItem', 'BatchWriteItem', 'GetItem', 'PutItem', 'Query');
    tables.tenants.grant(dispatch, 'GetItem');
    governanceQueue.queue.grantSendMessages(dispatch);
    // UpdateItem: an endpoint whose drain was asked for is marked.
    tables.limits.grant(dispatch, 'Query', 'UpdateItem');
    deliveryQueue.queue.grantSendMessages(dispatch);
    drainQueue.queue.grantSendMessages(dispatch);
    this.silentWorkAlarm();
    new MinuteSchedule(this, 'DispatchSchedule', {
      target: dispatch,
      runbookEntry: 'dispatch-silent',
      alarms: this.alarms,
    });

    const api = this.engineFunction('Api', 'api', limits.apiTimeoutSeconds, 512, {
      [environmentKeys.publicUrl]: publicUrl,
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.integrationSettingsTable]: tables.integrationSettings.tableName,
      [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
      [environmentKeys.rawQueueUrl]: rawQueue.queue.queueUrl,
      [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
      [environmentKeys.apiKeysTable]: tables.apiKeys.tableName,
      [environmentKeys.consumersTable]: tables.consumers.tableName,
      [environmentKeys.auditTable]: tables.audit.tableName,
      [environmentKeys.auditBucket]: buckets.audit.bucketName,
      [environmentKeys.auditRetentionDays]: String(config.auditRetentionDays),
      [environmentKeys.apiKeyRatePerMinute]: String(config.apiKeyRatePerMinute),
      [environmentKeys.apiTenantRatePerMinute]: String(config.apiTenantRatePerMinute),
      [environmentKeys.apiWaitingCallsPerKey]: String(config.apiWaitingCallsPerKey),
      [environmentKeys.apiWaitingCallsPerTenant]: String(config.apiWaitingCallsPerTenant),
      [environmentKeys.subscriptionsPerTenant]: String(config.subscriptionsPerTenant),
      [environmentKeys.sharedSubscriptions]: String(config.sharedSubscriptions),
      [environmentKeys.accountsPerTenant]: String(config.accountsPerTenant),
      [environmentKeys.keysPerTenant]: String(config.keysPerTenant),
      [environmentKeys.consumersPerTenant]: String(config.consumersPerTenant),
      [environmentKeys.tenantsTable]: tables.tenants.tableName,
      [environmentKeys.governanceQueueUrl]: governanceQueue.queue.queueUrl,
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.statisticsTable]: tables.statistics.tableName,
      [environmentKeys.drainQueueUrl]: drainQueue.queue.queueUrl,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.retentionDays]: String(config.retentionDays),
      [environmentKeys.rawRetentionDays]: String(config.rawRetentionDays),
      [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
      [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
      [environmentKeys.ownOrigins]: ownOrigins,
    });
    this.credentialsAlarm();
    tables.consumers.grant(api, 'DeleteItem', 'GetItem', 'PutItem', 'Query');
    // An admin key lists the accounts, keys and tenants that there are: these are the scans.
    tables.accounts.grant(api, 'GetItem', 'PutItem', 'Query', 'Scan');
    tables.apiKeys.grant(api, 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem');
    tables.tenants.grant(api, 'BatchGetItem', 'GetItem', 'PutItem', 'Scan');
    // A tenant's data is to be erased.
    governanceQueue.queue.grantSendMessages(api);
    // Entries are added and completed: nobody may delete one.
    tables.audit.grant(api, 'PutItem', 'Query');
    buckets.audit.grantPut(api);
    // Claims are made and released; an operator's list of collisions is the scan.
    tables.accountContexts.grant(api, 'DeleteItem', 'PutItem', 'Query', 'Scan');
    tables.integrationSettings.grant(api, 'GetItem', 'PutItem');
    tables.parkedRequests.grant(api, 'DeleteItem', 'Query');
    // A parked request is sent again when its account is made.
    rawQueue.queue.grantSendMessages(api);
    rawQueue.deadLetterQueue.grantConsumeMessages(api);
    // What is archived is sent again, too, where its mapping was mended.
    buckets.raw.grantGet(api);
    tables.subscriptions.grant(api, 'BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query');
    tables.events.grant(api, 'BatchGetItem', 'Query');
    // Where an event stands; and the answers to requests that are carried out once.
    tables.idempotency.grant(api, 'DeleteItem', 'GetItem', 'PutItem');
    // A delivery is tried again or cancelled, all that wait with their subscription; replays stand here too.
    tables.deliveries.grant(api, 'BatchGetItem', 'BatchWriteItem', 'GetItem', 'PutItem', 'Query');
    // An endpoint's health, and its circuit, which whoever enables its subscription closes; how often who calls.
    tables.limits.grant(api, 'BatchGetItem', 'GetItem', 'UpdateItem');
    tables.statistics.grant(api, 'BatchGetItem', 'Query');
    drainQueue.queue.grantSendMessages(api);
    buckets.payloads.grantGet(api);
    // An answer that is kept to be given again may be larger than a row.
    buckets.payloads.grantPut(api);

    const govern = this.engineFunction('Govern', 'govern', limits.governTimeoutSeconds, 512, {
      [environmentKeys.tenantsTable]: tables.tenants.tableName,
      [environmentKeys.accountsTable]: tables.accounts.tableName,
      [environmentKeys.accountContextsTable]: tables.accountContexts.tableName,
      [environmentKeys.parkedRequestsTable]: tables.parkedRequests.tableName,
      [environmentKeys.apiKeysTable]: tables.apiKeys.tableName,
      [environmentKeys.consumersTable]: tables.consumers.tableName,
      [environmentKeys.statisticsTable]: tables.statistics.tableName,
      [environmentKeys.auditRetentionDays]: String(config.auditRetentionDays),
      [environmentKeys.subscriptionsTable]: tables.subscriptions.tableName,
      [environmentKeys.eventsTable]: tables.events.tableName,
      [environmentKeys.idempotencyTable]: tables.idempotency.tableName,
      [environmentKeys.deliveriesTable]: tables.deliveries.tableName,
      [environmentKeys.limitsTable]: tables.limits.tableName,
      [environmentKeys.payloadsBucket]: buckets.payloads.bucketName,
      [environmentKeys.rawBucket]: buckets.raw.bucketName,
      [environmentKeys.rawLocked]: String(buckets.raw.isLocked),
      [environmentKeys.rawDeadLetterQueueUrl]: rawQueue.deadLetterQueue.queueUrl,
      [environmentKeys.governanceQueueUrl]: governanceQueue.queue.queueUrl,
      [environmentKeys.retentionDays]: String(config.retentionDays),
      [environmentKeys.rawRetentionDays]: String(config.rawRetentionDays),
    });
    // What an erasure has found is written down before it is removed; nothing else of a tenant is read.
    tables.tenants.grant(govern, 'GetItem', 'PutItem');
    tables.accounts.grant(govern, 'Query', 'UpdateItem');
    // No index leads from an account to its values, nor from a tenant to its keys: an erasure looks at all.
    tables.accountContexts.grant(govern, 'DeleteItem', 'PutItem', 'Query', 'Scan');
    tables.apiKeys.grant(govern, 'BatchWriteItem', 'Scan');
    tables.consumers.grant(govern, 'BatchWriteItem', 'Query');
    tables.statistics.grant(govern, 'BatchWriteItem', 'Query');
    tables.parkedRequests.grant(govern, 'DeleteItem', 'Query');
    tables.subscriptions.grant(govern, 'BatchGetItem', 'BatchWriteItem', 'Query');
    tables.deliveries.grant(govern, 'BatchWriteItem', 'Query');
    tables.limits.grant(govern, 'BatchGetItem', 'BatchWriteItem');
    tables.events.grant(govern, 'BatchWriteItem', 'Query');
    tables.idempotency.grant(govern, 'BatchGetItem', 'BatchWriteItem');
    buckets.payloads.grantErase(govern);
    buckets.raw.grantErase(govern);
    rawQueue.deadLetterQueue.grantConsumeMessages(govern);
    governanceQueue.queue.grantSendMessages(govern);
    governanceQueue.consumedBy(govern, governMaxConcurrency, limits.governBatchSize);

    this.recursionAlarm({ normalize, deliver, drain, govern });

    httpApi.route(
      ingress,
      {
        ratePerSecond: config.ingressThrottleRatePerSecond ?? config.throttleRatePerSecond,
        burst: config.ingressThrottleBurst ?? config.throttleBurst,
      },
      HttpRouteKey.with('/in/{integration}', HttpMethod.ANY),
      HttpRouteKey.with('/in/{integration}/{account}', HttpMethod.ANY),
    );
    // Paths of no route are API Gateway's to answer: they invoke nothing.
    httpApi.route(
      api,
      { ratePerSecond: config.apiThrottleRatePerSecond, burst: config.apiThrottleBurst },
      HttpRouteKey.with('/v1/{proxy+}', HttpMethod.ANY),
    );
    httpApi.route(api, undefined, HttpRouteKey.with('/healthz', HttpMethod.GET));

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
      tenants: new RecordTable(this, 'Tenants', { ...protection, partitionKey: text('tenant') }),
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
      consumers: new RecordTable(this, 'Consumers', {
        ...protection,
        partitionKey: text('tenant'),
        sortKey: text('name'),
      }),
      apiKeys: new RecordTable(this, 'ApiKeys', {
        ...protection,
        partitionKey: text('id'),
        indexes: { [apiKeysByOwnerIndex]: { partitionKey: text('owner'), sortKey: text('id') } },
      }),
      audit: new RecordTable(this, 'Audit', {
        ...protection,
        partitionKey: text('day'),
        sortKey: text('entry'),
        indexes: { [auditByScopeIndex]: { partitionKey: text('scope'), sortKey: text('entry') } },
      }),
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
      limits: new RecordTable(this, 'Limits', {
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
      statistics: new RecordTable(this, 'Statistics', {
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

  /** How endpoints fare is counted by both functions that send. */
  private endpointAlarms(): void {
    const period = Duration.minutes(5);
    const counted = (note: EndpointNote) =>
      new MathExpression({
        expression: 'SUM(FILL(METRICS(), 0))',
        label: note,
        period,
        usingMetrics: Object.fromEntries(
          (['deliver', 'drain'] satisfies FunctionName[]).map((service) => [
            service,
            new Metric({
              namespace: metricsNamespace,
              metricName: note,
              dimensionsMap: { service, stage: this.config.stage },
              statistic: 'Sum',
              period,
            }),
          ]),
        ),
      });
    this.alarms.add(this, 'SubscriptionDisablingAlarm', {
      meaning: 'A subscription has had nothing but failures for so long that it is on its way to being disabled.',
      runbookEntry: 'subscription-disabling',
      metric: counted('subscription-disabling'),
      threshold: 1,
    });
    this.alarms.add(this, 'SubscriptionDisabledAlarm', {
      meaning: 'A subscription was disabled: its endpoint only failed, or said that it is gone.',
      runbookEntry: 'subscription-disabled',
      metric: counted('subscription-disabled'),
      threshold: 1,
    });
  }

  /** Lambda finds loops by way of queues, so only what a queue invokes can be stopped. */
  private recursionAlarm(consumers: Partial<Record<FunctionName, EngineFunction>>): void {
    const period = Duration.minutes(5);
    this.alarms.add(this, 'RecursionAlarm', {
      meaning: 'Lambda took a chain of messages for an endless loop and stopped it: work was left undone.',
      runbookEntry: 'recursion-stopped',
      metric: new MathExpression({
        expression: 'SUM(FILL(METRICS(), 0))',
        label: 'RecursiveInvocationsDropped',
        period,
        usingMetrics: Object.fromEntries(
          Object.entries(consumers).map(([name, { lambda }]) => [
            name,
            lambda.metric('RecursiveInvocationsDropped', { statistic: 'Sum', period }),
          ]),
        ),
      }),
      threshold: 1,
    });
  }

  /** Dispatch mends it; why the work fell silent is for a person to find out. */
  private silentWorkAlarm(): void {
    const note: DispatchNote = 'silent-work-restarted';
    this.alarms.add(this, 'SilentWorkAlarm', {
      meaning: 'A replay or an erasure had not gone on for 15 minutes, and was started again.',
      runbookEntry: 'silent-work',
      metric: new Metric({
        namespace: metricsNamespace,
        metricName: note,
        dimensionsMap: { service: 'dispatch' satisfies FunctionName, stage: this.config.stage },
        statistic: 'Sum',
        period: Duration.minutes(5),
      }),
      threshold: 1,
    });
  }

  /** Strangers try keys all the time; this many mean an attack on this deployment, or that a caller has an old key. */
  private credentialsAlarm(): void {
    const note: ApiNote = 'credentials-refused';
    this.alarms.add(this, 'CredentialsRefusedAlarm', {
      meaning: `The API refused keys or tokens ${refusedCredentialsToAlarm} times in five minutes.`,
      runbookEntry: 'credentials-refused',
      metric: new Metric({
        namespace: metricsNamespace,
        metricName: note,
        dimensionsMap: { service: 'api' satisfies FunctionName, stage: this.config.stage },
        statistic: 'Sum',
        period: Duration.minutes(5),
      }),
      threshold: refusedCredentialsToAlarm,
    });
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
        retentionClasses: retentionClassesDays
          .filter((days) => days < this.config.retentionDays)
          .map((days) => ({ days, expiration: Duration.days(days + 1) })),
      }),
      audit: new PrivateBucket(this, 'AuditArchive', {
        ...protection,
        expiration: Duration.days(this.config.auditRetentionDays),
        // Not even the operator of the engine may rewrite what the engine did.
        writeOnce: this.config.retainData ? 'immutable' : 'versioned',
      }),
      raw: new PrivateBucket(this, 'Raw', {
        ...protection,
        expiration: Duration.days(this.config.rawRetentionDays),
        retentionClasses: retentionClassesDays
          .filter((days) => days < this.config.rawRetentionDays)
          .map((days) => ({ days, expiration: Duration.days(days) })),
        // An erasure must be able to bypass the lock.
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

  /** How webhooks fare that the engine does not take although they are genuine. */
  private ingressAlarms(): void {
    const counted = (note: IngressNote) =>
      new Metric({
        namespace: metricsNamespace,
        metricName: note,
        dimensionsMap: { service: 'ingress' satisfies FunctionName, stage: this.config.stage },
        statistic: 'Sum',
        period: Duration.minutes(5),
      });
    this.alarms.add(this, 'HopLimitAlarm', {
      meaning: 'A loop was cut: a receiver of callbacks sends them back as webhooks.',
      runbookEntry: 'hop-limit',
      metric: counted('hop-limit'),
      threshold: 1,
    });
    this.alarms.add(this, 'RateLimitedAlarm', {
      meaning: 'Webhooks were refused: an account, or a tenant, brings more than it may.',
      runbookEntry: 'rate-limited',
      metric: counted('rate-limited'),
      threshold: 1,
    });
  }

  private reservedConcurrencyOf(name: FunctionName): number | undefined {
    const { ingressReservedConcurrency, normalizeReservedConcurrency, apiReservedConcurrency } = this.config;
    const reserved: Partial<Record<FunctionName, number | undefined>> = {
      ingress: ingressReservedConcurrency,
      normalize: normalizeReservedConcurrency,
      api: apiReservedConcurrency,
    };
    return reserved[name];
  }

  private vpcOf(name: FunctionName) {
    const { vpcSubnetIds: subnetIds, vpcSecurityGroupIds: securityGroupIds } = this.config;
    return subnetIds.length > 0 && functionsThatCallOut.has(name) ? { subnetIds, securityGroupIds } : undefined;
  }

  private engineFunction<Name extends FunctionName>(
    id: string,
    name: Name,
    timeoutSeconds: number,
    memorySizeMb: number,
    environment: Omit<FunctionEnvironment<Name>, typeof environmentKeys.stage>,
  ): EngineFunction<Name> {
    return new EngineFunction(this, id, {
      name,
      bundle: bundleFunction({
        entry: fileURLToPath(new URL(`${name}/${name}.lambda.ts`, functionsRoot)),
        ...(functionsWithExpressions.has(name)
          ? { processes: { expressions: fileURLToPath(new URL('expressions.child.ts', functionsRoot)) } }
          : {}),
        ...(functionsWithIntegrations.has(name) ? { integrations: this.integrations } : {}),
        ...(functionsWithResources.has(name) ? { resources: this.resources } : {}),
      }),
      // Checked by the construct, key by key.
      environment: { ...environment, [environmentKeys.stage]: this.config.stage } as FunctionEnvironment<Name>,
      timeout: Duration.seconds(timeoutSeconds),
      memorySizeMb,
      reservedConcurrency: this.reservedConcurrencyOf(name),
      requeuesItself: functionsThatRequeueThemselves.has(name),
      vpc: this.vpcOf(name),
      logRetention: this.config.logRetentionDays,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
  }
}
