import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { FunctionPool } from '../sandbox/function-pool.ts';
import type { QueueSourceModel } from '../template/stack-model.ts';
import { maxHops, nextHop } from './lineage.ts';
import { readBatchResponse, splitBySize, toSqsEvent } from './queue-batch.ts';

export interface QueueSourceOptions {
  readonly source: QueueSourceModel;
  readonly pool: FunctionPool;
  readonly sqs: SQSClient;
  /** Receives what went wrong outside of the function. */
  readonly onProblem: (text: string) => void;
}

/** An event source mapping at work. */
export interface QueueSource {
  /** Whether messages were received that are not dealt with. */
  isAtWork(): boolean;
  /** Ends the long poll; resolves when no batch is at work any more. */
  stop(): Promise<void>;
}

/** The longest that SQS lets a receive wait. */
const longPollSeconds = 20;
/** The most that SQS gives in one receive. */
const maxReceived = 10;
const retryAfterProblemMs = 500;

/**
 * Take a queue's messages to its function, as Lambda's poller does: a batch is deleted when it
 * succeeded; what failed stays invisible until its visibility timeout ends.
 *
 * One receive is open at a time, and only while an invocation could start at once: a message that
 * is received waits for nothing, and what waits in the queue meanwhile makes fuller batches.
 */
export function startQueueSource({ source, pool, sqs, onProblem }: QueueSourceOptions): QueueSource {
  const { queue, batchSize, batchingWindowMs } = source;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let gathering = 0;
  const maxRunning = Math.min(pool.maxSandboxes, source.maxConcurrency ?? pool.maxSandboxes);

  const receive = async (wanted: number, waitMs: number): Promise<Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl: queue.url,
      MaxNumberOfMessages: Math.min(maxReceived, wanted),
      WaitTimeSeconds: Math.min(longPollSeconds, Math.ceil(waitMs / 1_000)),
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    return (await sqs.send(command, { abortSignal: stopping.signal })).Messages ?? [];
  };

  const receiveBatch = async (): Promise<Message[]> => {
    const batch = await receive(batchSize, longPollSeconds * 1_000);
    gathering = batch.length;
    if (batch.length === 0 || batchingWindowMs === 0) return batch;
    const endsAtMs = performance.now() + batchingWindowMs;
    for (;;) {
      const leftMs = endsAtMs - performance.now();
      if (batch.length >= batchSize || leftMs <= 0) return batch;
      batch.push(...(await receive(batchSize - batch.length, leftMs)));
    }
  };

  const process = async (messages: readonly Message[]): Promise<void> => {
    for (const batch of splitBySize(messages)) {
      const headers = batch.flatMap(({ Attributes }) => Attributes?.AWSTraceHeader ?? []);
      const { hops, traceHeader } = nextHop(source.function.arn, headers, Date.now());
      if (hops > maxHops && !source.function.allowsRecursion) {
        onProblem(recursionStopped(source.function.label));
        continue;
      }
      const outcome = await pool.invoke(toSqsEvent(batch, queue.arn), traceHeader);
      if (outcome.kind === 'failed') continue;
      let failed: ReadonlySet<string> = new Set();
      if (source.reportsBatchItemFailures) {
        const verdict = readBatchResponse(outcome.payload, new Set(batch.map(({ MessageId }) => MessageId ?? '')));
        if (verdict.kind === 'invalid') {
          onProblem(`Invalid batch response, so the whole batch comes back: ${verdict.reason}`);
          continue;
        }
        failed = verdict.failedMessageIds;
      }
      await deleteMessages(batch.filter(({ MessageId }) => !failed.has(MessageId ?? '')));
    }
  };

  const deleteMessages = async (messages: readonly Message[]): Promise<void> => {
    for (let from = 0; from < messages.length; from += maxReceived) {
      const Entries = messages
        .slice(from, from + maxReceived)
        .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
    }
  };

  const report = (error: unknown) => {
    if (!stopping.signal.aborted) onProblem(`Queue ${queue.name}: ${(error as Error).message}`);
  };

  const poll = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (running.size >= maxRunning) {
        await Promise.race(running);
        continue;
      }
      await pool.whenFree();
      if (stopping.signal.aborted) return;
      try {
        const messages = await receiveBatch();
        if (messages.length === 0) continue;
        const work = process(messages)
          .catch(report)
          .finally(() => running.delete(work));
        running.add(work);
        gathering = 0;
      } catch (error) {
        gathering = 0;
        report(error);
        await pause(retryAfterProblemMs, stopping.signal);
      }
    }
  };

  const polling = poll();
  return {
    isAtWork: () => gathering > 0 || running.size > 0,
    async stop() {
      stopping.abort();
      await polling;
      await Promise.all(running);
    },
  };
}

/** What is not invoked is not deleted: it comes back until SQS moves it to the dead-letter queue. */
function recursionStopped(label: string): string {
  return (
    `Recursive loop: a chain of messages has invoked ${label} ${maxHops} times, so Lambda would stop it here ` +
    'and count RecursiveInvocationsDropped. A function that sends to its own queue sets RecursiveLoop to Allow.'
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
