import type { GatedCall } from '../faults/gated-call.ts';
import type { MetricStore } from './metric-store.ts';

/** What AWS itself would count of a stack. */
export interface AwsMetrics {
  /** @param concurrency - Invocations of the function at this moment, this one included. */
  invocationBegan(functionName: string, concurrency: number): void;
  invocationEnded(functionName: string, hasFailed: boolean, durationMs: number): void;
  /** Lambda refused an invocation. */
  throttled(functionName: string): void;
  /** Lambda stopped a chain of messages. */
  recursionStopped(functionName: string): void;
  /** The HTTP API answered a request. */
  answered(apiId: string, status: number, latencyMs: number): void;
  /** DynamoDB refused a call, on each of its tables. */
  tableThrottled(call: GatedCall): void;
  /** @param oldestMs - Age of the oldest message; undefined for an empty queue. */
  queueSeen(queueName: string, visible: number, oldestMs: number | undefined): void;
}

const readOperations = /^(GetItem|BatchGetItem|Query|Scan)$/;

/** @param nowMs - The engine's clock. */
export function createAwsMetrics(store: MetricStore, nowMs: () => number): AwsMetrics {
  const running = new Map<string, number>();
  const add = (namespace: string, name: string, dimensions: Readonly<Record<string, string>>, value: number) =>
    store.add({ namespace, name, dimensions }, [value], nowMs());
  const ofFunction = (FunctionName: string, name: string, value: number) =>
    add('AWS/Lambda', name, { FunctionName }, value);
  return {
    invocationBegan(functionName, concurrency) {
      running.set(functionName, concurrency);
      ofFunction(functionName, 'Invocations', 1);
      ofFunction(functionName, 'ConcurrentExecutions', concurrency);
      const all = [...running.values()].reduce((sum, count) => sum + count, 0);
      add('AWS/Lambda', 'ConcurrentExecutions', {}, all);
    },
    invocationEnded(functionName, hasFailed, durationMs) {
      running.set(functionName, Math.max(0, (running.get(functionName) ?? 0) - 1));
      ofFunction(functionName, 'Errors', hasFailed ? 1 : 0);
      ofFunction(functionName, 'Duration', durationMs);
    },
    throttled: (functionName) => ofFunction(functionName, 'Throttles', 1),
    recursionStopped: (functionName) => ofFunction(functionName, 'RecursiveInvocationsDropped', 1),
    answered(ApiId, status, latencyMs) {
      const dimensions = { ApiId, Stage: '$default' };
      add('AWS/ApiGateway', 'Count', dimensions, 1);
      add('AWS/ApiGateway', '4xx', dimensions, status >= 400 && status < 500 ? 1 : 0);
      add('AWS/ApiGateway', '5xx', dimensions, status >= 500 ? 1 : 0);
      add('AWS/ApiGateway', 'Latency', dimensions, latencyMs);
    },
    tableThrottled({ operation, resource }) {
      const name = readOperations.test(operation) ? 'ReadThrottleEvents' : 'WriteThrottleEvents';
      for (const TableName of resource.split('+')) add('AWS/DynamoDB', name, { TableName }, 1);
    },
    queueSeen(QueueName, visible, oldestMs) {
      add('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName }, visible);
      add('AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName }, (oldestMs ?? 0) / 1_000);
    },
  };
}
