import { Duration } from 'aws-cdk-lib';
import { HttpMethod, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { type ApiNote, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { Deliver } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { Govern } from './govern.ts';
import type { Ingest } from './ingest.ts';
import type { Storage } from './storage.ts';

/** Refused keys and tokens in five minutes from which a person is asked to look. */
const refusedCredentialsToAlarm = 100;

/** What the API works on besides what is stored. */
export interface ApiParts {
  readonly ingest: Ingest;
  readonly deliver: Deliver;
  readonly govern: Govern;
  readonly httpApi: PublicHttpApi;
}

/** Administration, and the feed. */
export function createApi(
  builder: EngineBuilder,
  { tables, buckets }: Storage,
  { ingest: { rawQueue }, deliver: { drainQueue }, govern: { governanceQueue }, httpApi }: ApiParts,
): void {
  const { config } = builder;
  const api = builder.function('Api', 'api', { timeoutSeconds: limits.apiTimeoutSeconds, memorySizeMb: 512 });
  tables.consumers.grant(api, 'DeleteItem', 'GetItem', 'PutItem', 'Query');
  // An admin key lists the accounts, keys and tenants that there are: these are the scans.
  tables.accounts.grant(api, 'GetItem', 'PutItem', 'Query', 'Scan');
  tables.apiKeys.grant(api, 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem');
  tables.tenants.grant(api, 'BatchGetItem', 'GetItem', 'PutItem', 'Scan');
  // A tenant's data is to be erased.
  governanceQueue.queue.grantSendMessages(api);
  // Entries are added and completed, and never deleted.
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
  // An endpoint's health, and its circuit, which enabling its subscription closes; the rate limits of callers.
  tables.limits.grant(api, 'BatchGetItem', 'GetItem', 'UpdateItem');
  tables.statistics.grant(api, 'BatchGetItem', 'Query');
  drainQueue.queue.grantSendMessages(api);
  buckets.payloads.grantGet(api);
  // An answer that is kept to be given again may be larger than a row.
  buckets.payloads.grantPut(api);

  // Paths of no route are API Gateway's to answer: they invoke nothing.
  httpApi.route(
    api,
    { ratePerSecond: config.apiThrottleRatePerSecond, burst: config.apiThrottleBurst },
    HttpRouteKey.with('/v1/{proxy+}', HttpMethod.ANY),
  );
  httpApi.route(api, undefined, HttpRouteKey.with('/healthz', HttpMethod.GET));
  credentialsAlarm(builder);
}

/** Strangers try keys all the time; this many mean an attack on this deployment, or that a caller has an old key. */
function credentialsAlarm({ scope, alarms, config }: EngineBuilder): void {
  const note: ApiNote = 'credentials-refused';
  alarms.add(scope, 'CredentialsRefusedAlarm', {
    meaning: `The API refused keys or tokens ${refusedCredentialsToAlarm} times in five minutes.`,
    runbookEntry: 'credentials-refused',
    metric: new Metric({
      namespace: metricsNamespace,
      metricName: note,
      dimensionsMap: { service: 'api' satisfies FunctionName, stage: config.stage },
      statistic: 'Sum',
      period: Duration.minutes(5),
    }),
    threshold: refusedCredentialsToAlarm,
  });
}
