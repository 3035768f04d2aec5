import type { SQSClient } from '@aws-sdk/client-sqs';
import type { AwsMetrics } from './metrics/aws-metrics.ts';
import type { FunctionLogLine } from './sandbox/function-log.ts';
import type { FunctionPool } from './sandbox/function-pool.ts';
import { createRouter } from './sources/http-routes.ts';
import type { HttpSource } from './sources/http-source.ts';
import { type QueueSource, startQueueSource } from './sources/queue-source.ts';
import { type ScheduleSource, startScheduleSource } from './sources/schedule-source.ts';
import type { StackModel } from './template/stack-model.ts';
import type { EngineClock } from './time/clock.ts';

/** What event sources need to start. */
interface SourceParts {
  readonly model: StackModel;
  readonly poolOf: (one: { readonly logicalId: string }) => FunctionPool;
  readonly sqs: SQSClient;
  readonly clock: EngineClock;
  readonly http: HttpSource;
  readonly functionUrl: HttpSource;
  readonly onLine: (line: FunctionLogLine) => void;
  readonly metrics: AwsMetrics;
  /** Invocations that all functions together may have at the same time. */
  readonly accountConcurrency: number;
}

/** Connect queues, schedules and HTTP routes to the functions that the template names. */
export function connectSources(
  { model, poolOf, sqs, clock, http, functionUrl, onLine, metrics, accountConcurrency }: SourceParts,
  undo: (() => unknown)[],
): { readonly schedules: readonly ScheduleSource[]; readonly queueSources: readonly QueueSource[] } {
  const queueSources = model.queueSources.map((source) =>
    startQueueSource({
      source,
      pool: poolOf(source.function),
      sqs,
      onProblem: (text) => onLine({ function: source.function.label, requestId: undefined, stream: 'runtime', text }),
      onRecursionStopped: () => metrics.recursionStopped(source.function.name),
    }),
  );
  const schedules = model.schedules.map((schedule) => startScheduleSource(schedule, poolOf(schedule.function), clock));
  // Pollers wait for concurrency that is free, as Lambda's do; a request is refused.
  const isThrottled = (pool: FunctionPool) => {
    const running = model.functions.reduce((sum, one) => sum + poolOf(one).concurrency(), 0);
    const refused = pool.isThrottled() || running >= accountConcurrency;
    if (refused) metrics.throttled(pool.model.name);
    return refused;
  };
  http.serve({
    apiId: model.apiId,
    clock,
    isThrottled,
    onAnswer: (status, latencyMs) => metrics.answered(model.apiId, status, latencyMs),
    router: createRouter(
      model.routes.map(({ routeKey, function: target, timeoutMs }) => ({
        routeKey,
        target: { pool: poolOf(target), timeoutMs },
      })),
    ),
  });
  if (model.functionUrl !== undefined) {
    const target = { pool: poolOf(model.functionUrl), timeoutMs: model.functionUrl.timeoutMs };
    functionUrl.serve({
      apiId: 'function-url',
      clock,
      isThrottled,
      onAnswer: () => {},
      router: createRouter([{ routeKey: '$default', target }]),
    });
  }
  // Stop sources and sandboxes together: a poller waits for its batch, and the batch for its sandbox.
  undo.push(async () => {
    for (const schedule of schedules) schedule.stop();
    const pools = model.functions.map(poolOf);
    await Promise.all([
      ...queueSources.map((source) => source.stop()),
      http.stop(),
      functionUrl.stop(),
      ...pools.map((pool) => pool.stop()),
    ]);
  });
  return { schedules, queueSources };
}
