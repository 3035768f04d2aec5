import { Duration, Stack } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lambdas/contracts/environment.ts';
import { type EngineMetric, type MetricDimension, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { WorkQueue } from '../constructs/work-queue.ts';
import { deliverySuccess } from './deliver.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import type { Storage } from './storage.ts';

/** What the dashboard shows besides the metrics of the engine itself. */
export interface WatchedParts {
  readonly functions: readonly EngineFunction[];
  readonly queues: readonly WorkQueue[];
  readonly httpApi: PublicHttpApi;
  readonly storage: Storage;
}

export interface DashboardRow {
  readonly title: string;
  /** Paths of pages in the AWS console, by name. */
  readonly console: Readonly<Record<string, string>>;
  /** Entries of the runbook. */
  readonly entries: readonly string[];
  readonly graphs: readonly {
    readonly title: string;
    readonly metrics: readonly IMetric[];
    readonly unit?: string;
  }[];
}

const period = Duration.minutes(5);

export function dashboardRows(builder: EngineBuilder, parts: WatchedParts): readonly DashboardRow[] {
  return [
    webhooks(builder, parts),
    latencies(builder),
    callbacks(builder),
    queues(builder, parts),
    providers(builder),
    shapes(builder),
    functions(builder, parts),
    storage(builder, parts),
  ];
}

type Config = EngineBuilder['config'];

const sum = (config: Config, service: FunctionName, name: EngineMetric) =>
  engineMetric(config, service, name, { statistic: 'Sum', period }).with({ label: name });

const statistics = (config: Config, service: FunctionName, name: EngineMetric, wanted: readonly string[]) =>
  wanted.map((statistic) =>
    engineMetric(config, service, name, { statistic, period }).with({ label: `${service} ${statistic}` }),
  );

/** Every series of a metric by one of its further dimensions, as they come into being. */
const each = (config: Config, service: FunctionName, name: EngineMetric, by: MetricDimension, statistic = 'Sum') =>
  new MathExpression({
    expression: `SEARCH('{${metricsNamespace},${by},service,stage} MetricName="${name}" service="${service}" stage="${config.stage}"', '${statistic}', ${period.toSeconds()})`,
    label: '',
    period,
    usingMetrics: {},
  });

function webhooks({ scope, config }: EngineBuilder, { httpApi }: WatchedParts): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Requests',
    console: { 'HTTP API': `apigateway/main/apis?region=${region}` },
    entries: ['verification-failures', 'rate-limited', 'hop-limit', 'http-api-server-errors', 'http-api-client-errors'],
    graphs: [
      {
        title: 'Webhooks by outcome',
        metrics: (['accepted', 'handshake', 'rejected'] as const).map((name) => sum(config, 'ingress', name)),
      },
      {
        title: 'Failed verification by integration',
        metrics: [each(config, 'ingress', 'verification-failed', 'integration')],
      },
      { title: 'HTTP API', metrics: httpApi.metrics(period) },
      { title: 'HTTP API, latency', unit: 'ms', metrics: httpApi.latencies(period) },
    ],
  };
}

function latencies({ scope, config }: EngineBuilder): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Latency since the webhook',
    console: { 'Logs Insights': `cloudwatch/home?region=${region}#logsV2:logs-insights` },
    entries: ['raw-queue-stuck', 'delivery-queue-stuck', 'backlog-late'],
    graphs: [
      {
        title: 'Until published',
        unit: 'ms',
        metrics: (['normalize', 'enrich'] as const).flatMap((service) =>
          statistics(config, service, 'latency', ['p50', 'p99']),
        ),
      },
      {
        title: 'Until delivered',
        unit: 'ms',
        metrics: (['deliver', 'drain'] as const).flatMap((service) =>
          statistics(config, service, 'latency', ['p50', 'p99']),
        ),
      },
      { title: 'Backlogs wait', unit: 's', metrics: statistics(config, 'drain', 'backlog-age', ['p90', 'Maximum']) },
    ],
  };
}

function callbacks({ scope, config }: EngineBuilder): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Callbacks',
    console: { Functions: `lambda/home?region=${region}#/functions` },
    entries: ['delivery-success', 'subscription-disabled', 'delivery-queue-dead-letters', 'drain-queue-dead-letters'],
    graphs: [
      ...(['deliver', 'drain'] as const).map((service) => ({
        title: `Deliveries of ${service}`,
        metrics: (['delivered', 'retried', 'dead-lettered', 'filtered'] as const).map((name) =>
          sum(config, service, name),
        ),
      })),
      { title: 'Success', unit: '%', metrics: [deliverySuccess(config, period)] },
      {
        title: 'Endpoints',
        metrics: (['circuit-opened', 'subscription-disabling', 'subscription-disabled'] as const).map((name) =>
          sum(config, 'drain', name),
        ),
      },
    ],
  };
}

function queues({ scope }: EngineBuilder, parts: WatchedParts): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Queues',
    console: { Queues: `sqs/v3/home?region=${region}#/queues` },
    entries: ['raw-queue-dead-letters', 'raw-queue-stuck', 'silent-work', 'recursion-stopped'],
    graphs: [
      {
        title: 'Age of the oldest message',
        unit: 's',
        metrics: parts.queues.map(({ queue, node }) =>
          queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum', label: node.id }),
        ),
      },
      {
        title: 'Messages that wait',
        metrics: parts.queues.map(({ queue, node }) =>
          queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: node.id }),
        ),
      },
      {
        title: 'Dead letters',
        metrics: parts.queues.map(({ deadLetterQueue, node }) =>
          deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: node.id }),
        ),
      },
    ],
  };
}

function providers({ scope, config }: EngineBuilder): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Providers and syncs',
    console: { Functions: `lambda/home?region=${region}#/functions` },
    entries: ['syncs-late', 'poll-queue-stuck', 'poll-queue-dead-letters', 'enrich-queue-stuck'],
    graphs: [
      { title: 'Freshness', unit: 's', metrics: statistics(config, 'poll', 'sync-freshness', ['p50', 'p90']) },
      { title: 'Behind schedule', unit: 's', metrics: statistics(config, 'poll', 'sync-lag', ['p50', 'p90']) },
      {
        title: 'Runs',
        metrics: (['sync-runs-succeeded', 'sync-runs-failed', 'syncs-failing'] as const).map((name) =>
          sum(config, 'poll', name),
        ),
      },
      {
        title: 'Left of the limits of providers',
        unit: '%',
        metrics: (['poll', 'enrich'] as const).map((service) =>
          each(config, service, 'budget-left', 'integration', 'Minimum'),
        ),
      },
    ],
  };
}

function shapes({ scope, config }: EngineBuilder): DashboardRow {
  const { region } = Stack.of(scope);
  return {
    title: 'Events and drift',
    console: { 'Logs Insights': `cloudwatch/home?region=${region}#logsV2:logs-insights` },
    entries: ['normalize-errors', 'enrich-errors', 'poll-errors'],
    graphs: [
      {
        title: 'Events of webhooks',
        metrics: (['published', 'enriching', 'duplicate', 'stale', 'unchanged'] as const).map((name) =>
          sum(config, 'normalize', name),
        ),
      },
      { title: 'Drift from schemas', metrics: [each(config, 'normalize', 'schema-drift', 'integration')] },
      { title: 'What only a comparison found', metrics: [each(config, 'poll', 'sync-drift', 'reason')] },
    ],
  };
}

function functions({ scope }: EngineBuilder, parts: WatchedParts): DashboardRow {
  const { region } = Stack.of(scope);
  const of = (metricName: string, statistic: string) =>
    parts.functions.map(({ lambda, node }) => lambda.metric(metricName, { period, statistic, label: node.id }));
  return {
    title: 'Functions',
    console: { Functions: `lambda/home?region=${region}#/functions` },
    entries: ['ingress-errors', 'ingress-throttles', 'account-concurrency', 'dispatch-silent'],
    graphs: [
      { title: 'Errors', metrics: of('Errors', 'Sum') },
      { title: 'Throttles', metrics: of('Throttles', 'Sum') },
      { title: 'Duration, p99', unit: 'ms', metrics: of('Duration', 'p99') },
      { title: 'Concurrent executions', metrics: of('ConcurrentExecutions', 'Maximum') },
    ],
  };
}

function storage({ scope }: EngineBuilder, { storage: { tables } }: WatchedParts): DashboardRow {
  const { region } = Stack.of(scope);
  const of = (metricName: string) =>
    Object.entries(tables).map(
      ([label, { tableName }]) =>
        new Metric({
          namespace: 'AWS/DynamoDB',
          metricName,
          dimensionsMap: { TableName: tableName },
          statistic: 'Sum',
          period,
          label,
        }),
    );
  return {
    title: 'Tables',
    console: { Tables: `dynamodbv2/home?region=${region}#tables` },
    entries: ['table-throttles'],
    graphs: [
      { title: 'Write units', metrics: of('ConsumedWriteCapacityUnits') },
      { title: 'Throttled writes', metrics: of('WriteThrottleEvents') },
      { title: 'Throttled reads', metrics: of('ReadThrottleEvents') },
    ],
  };
}
