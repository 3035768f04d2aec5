import { Duration } from 'aws-cdk-lib';
import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { ApiNote } from '../../lambdas/contracts/outcomes.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import type { Deliver } from './deliver.ts';
import { grantDestinations } from './destinations.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import { grantProviderCalls } from './enrich.ts';
import type { Govern } from './govern.ts';
import { webhookRoutes, webhookThrottle } from './http-apis.ts';
import type { Ingest } from './ingest.ts';
import type { Storage } from './storage.ts';

/** Rejected keys and tokens in five minutes that raise the alarm. */
const refusedCredentialsToAlarm = 100;

/** Parts that the API uses besides the storage. */
export interface ApiParts {
  readonly ingest: Ingest;
  readonly deliver: Deliver;
  readonly govern: Govern;
  readonly enrichQueue: WorkQueue;
  readonly pollQueue: WorkQueue;
  readonly httpApi: PublicHttpApi;
  /** HTTP APIs that take webhooks. */
  readonly webhookApis: readonly PublicHttpApi[];
}

/** Serves the admin API and the feed. */
export function createApi(
  builder: EngineBuilder,
  storage: Storage,
  { ingest: { rawQueue }, deliver: { drainQueue }, govern: { governanceQueue }, ...parts }: ApiParts,
): void {
  const { tables, buckets } = storage;
  const api = builder.function('Api', 'api', { timeoutSeconds: limits.apiTimeoutSeconds, memorySizeMb: 512 });
  tables.consumers.grant(api, 'DeleteItem', 'GetItem', 'PutItem', 'Query');
  // Scan: an admin key lists all accounts, keys and tenants.
  tables.accounts.grant(api, 'GetItem', 'PutItem', 'Query', 'Scan');
  tables.apiKeys.grant(api, 'BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem');
  tables.tenants.grant(api, 'BatchGetItem', 'GetItem', 'PutItem', 'Scan');
  // Starts the erasure of a tenant's data.
  governanceQueue.queue.grantSendMessages(api);
  // The API adds and completes entries, and never deletes them.
  tables.audit.grant(api, 'PutItem', 'Query');
  buckets.audit.grantPut(api);
  // PutItem and DeleteItem: claims and releases contexts. Scan: the operator's list of collisions.
  tables.accountContexts.grant(api, 'DeleteItem', 'PutItem', 'Query', 'Scan');
  tables.integrationSettings.grant(api, 'GetItem', 'PutItem');
  tables.parkedRequests.grant(api, 'DeleteItem', 'Query');
  // Sends parked requests again when their account is created.
  rawQueue.queue.grantSendMessages(api);
  rawQueue.deadLetterQueue.grantConsumeMessages(api);
  // Sends archived requests again after their mapping was fixed.
  buckets.raw.grantGet(api);
  tables.subscriptions.grant(api, 'BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query');
  tables.events.grant(api, 'BatchGetItem', 'Query');
  tables.records.grant(api, 'BatchGetItem', 'Query');
  // The location of an event, and the stored answers of requests with an idempotency key.
  tables.idempotency.grant(api, 'DeleteItem', 'GetItem', 'PutItem');
  // Retries a delivery, cancels one or all waiting ones of a subscription, and stores replays.
  tables.deliveries.grant(api, 'BatchGetItem', 'BatchWriteItem', 'GetItem', 'PutItem', 'Query');
  // An endpoint's health and circuit, which enabling its subscription closes; the rate limits of callers.
  tables.limits.grant(api, 'BatchGetItem', 'GetItem', 'UpdateItem');
  tables.statistics.grant(api, 'BatchGetItem', 'Query');
  grantProviderWork(storage, parts, api);
  drainQueue.queue.grantSendMessages(api);
  buckets.payloads.grantGet(api);
  // The stored answer of a request with an idempotency key may be larger than a row.
  buckets.payloads.grantPut(api);
  // Tests of subscriptions.
  grantDestinations(builder, api);
  addRoutes(builder, parts, api);
  credentialsAlarm(builder);
}

function grantProviderWork(
  storage: Storage,
  { enrichQueue, pollQueue }: Pick<ApiParts, 'enrichQueue' | 'pollQueue'>,
  api: EngineFunction<'api'>,
): void {
  const { tables } = storage;
  // Unified reads and the proxy call providers; connecting and new credentials start waiting work.
  grantProviderCalls(storage, api);
  tables.credentials.grant(api, 'DeleteItem');
  tables.fetches.grant(api, 'PutItem', 'UpdateItem');
  enrichQueue.queue.grantSendMessages(api);
  // Syncs are created, shown, changed and removed; their runs begin at once.
  tables.syncs.grant(api, 'BatchGetItem', 'BatchWriteItem', 'DeleteItem', 'PutItem', 'Query');
  pollQueue.queue.grantSendMessages(api);
}

function addRoutes(
  { config }: EngineBuilder,
  { httpApi, webhookApis }: Pick<ApiParts, 'httpApi' | 'webhookApis'>,
  api: EngineFunction<'api'>,
): void {
  // API Gateway itself answers paths without a route: they invoke no function.
  httpApi.route(
    api,
    { ratePerSecond: config.apiThrottleRatePerSecond, burst: config.apiThrottleBurst },
    HttpRouteKey.with('/v1/{proxy+}', HttpMethod.ANY),
  );
  httpApi.route(api, undefined, HttpRouteKey.with('/healthz', HttpMethod.GET));
  // The browser of an account's owner, whom a provider leads back.
  httpApi.route(api, undefined, HttpRouteKey.with('/connect/{integration}/callback', HttpMethod.GET));
  // Where webhooks may not pass mutual TLS by, this function answers them 404. A route with settings cannot be removed:
  // API Gateway keeps the settings, and then refuses every change of the stage ("Unable to find Route by key").
  // https://github.com/DianaIonita/serverless-api-gateway-throttling/issues/43
  if (!webhookApis.includes(httpApi)) httpApi.route(api, webhookThrottle(config), ...webhookRoutes);
}

/** Random probes are constant; this many mean an attack on this deployment, or a caller with an old key. */
function credentialsAlarm({ scope, alarms, config }: EngineBuilder): void {
  const note: ApiNote = 'credentials-refused';
  alarms.addTrend(scope, 'CredentialsRefusedAlarm', {
    meaning: `The API refused keys or tokens ${refusedCredentialsToAlarm} times in five minutes.`,
    runbookEntry: 'credentials-refused',
    metric: engineMetric(config, 'api', note, { statistic: 'Sum', period: Duration.minutes(5) }),
    threshold: refusedCredentialsToAlarm,
  });
}
