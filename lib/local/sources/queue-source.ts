import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { FunctionPool } from '../sandbox/function-pool.ts';
import type { QueueSourceModel } from '../template/event-sources.ts';
import { maxHops, nextHop } from './lineage.ts';
import { readBatchResponse, splitBySize, toSqsEvent } from './queue-batch.ts';

export interface QueueSourceOptions {
  readonly source: QueueSourceModel;
  readonly pool: FunctionPool;
  readonly sqs: SQSClient;
  /** Receives problems outside the function. */
  readonly onProblem: (text: string) => void;
  /** Called for each batch that Lambda would drop, because it takes its chain for a loop. */
  readonly onRecursionStopped: () => void;
}

/** A running event source mapping. */
export interface QueueSource {
  /** Whether received messages are not yet processed. */
  isAtWork(): boolean;
  /** End the long poll; resolves when no batch is running. */
  stop(): Promise<void>;
}

/** SQS's maximum wait of one receive. */
const longPollSeconds = 20;
/** SQS's maximum of messages in one receive. */
const maxReceived = 10;
const retryAfterProblemMs = 500;
/**
 * Time between two receives after a batch of several messages that was not full. Every batch pays for its own requests,
 * and for waking each process that serves them. Without this pause, half of the load makes batches of two, and keeps the
 * cores as busy as all of it. A message after a batch of one, or after a quiet moment, does not wait.
 */
const gatheringMs = 40;

/** A running source: what its steps share. */
interface RunningSource extends QueueSourceOptions {
  readonly stopping: AbortController;
  /** Batches that the function processes. */
  readonly running: Set<Promise<void>>;
  /** Messages of the batch that is being received. */
  gathering: number;
}

/**
 * Take a queue's messages to its function, as Lambda's poller does: it deletes a batch that succeeded; failed messages
 * stay invisible until their visibility timeout ends.
 *
 * One receive is open at a time, and only while an invocation could start immediately: a received message never waits,
 * and messages that wait in the queue meanwhile fill the next batch. Lambda has five pollers instead, and many cores; how
 * long it gathers is the batching window of the event source alone.
 */
export function startQueueSource(options: QueueSourceOptions): QueueSource {
  const state: RunningSource = { ...options, stopping: new AbortController(), running: new Set(), gathering: 0 };
  const polling = poll(state);
  return {
    isAtWork: () => state.gathering > 0 || state.running.size > 0,
    async stop() {
      state.stopping.abort();
      await polling;
      await Promise.all(state.running);
    },
  };
}

async function poll(state: RunningSource): Promise<void> {
  const { source, pool, onProblem, running } = state;
  const { signal } = state.stopping;
  const maxRunning = Math.min(pool.maxSandboxes, source.maxConcurrency ?? pool.maxSandboxes);
  const report = (error: unknown) => {
    if (!signal.aborted) onProblem(`Queue ${source.queue.name}: ${(error as Error).message}`);
  };
  let gathersUntilMs = 0;
  while (!signal.aborted) {
    if (running.size >= maxRunning) {
      await Promise.race(running);
      continue;
    }
    await pause(gathersUntilMs - performance.now(), signal);
    await pool.whenFree();
    if (signal.aborted) return;
    try {
      const messages = await receiveBatch(state);
      if (messages.length === 0) continue;
      const gathers = messages.length > 1 && messages.length < source.batchSize;
      gathersUntilMs = gathers ? performance.now() + gatheringMs : 0;
      const work = processMessages(state, messages)
        .catch(report)
        .finally(() => running.delete(work));
      running.add(work);
      state.gathering = 0;
    } catch (error) {
      state.gathering = 0;
      report(error);
      await pause(retryAfterProblemMs, signal);
    }
  }
}

/** Receive until the batch is full or its batching window ends. */
async function receiveBatch(state: RunningSource): Promise<Message[]> {
  const { batchSize, batchingWindowMs } = state.source;
  const batch = await receive(state, batchSize, longPollSeconds * 1_000);
  state.gathering = batch.length;
  if (batch.length === 0 || batchingWindowMs === 0) return batch;
  const endsAtMs = performance.now() + batchingWindowMs;
  for (;;) {
    const leftMs = endsAtMs - performance.now();
    if (batch.length >= batchSize || leftMs <= 0) return batch;
    batch.push(...(await receive(state, batchSize - batch.length, leftMs)));
  }
}

async function receive({ source, sqs, stopping }: RunningSource, wanted: number, waitMs: number): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: source.queue.url,
    MaxNumberOfMessages: Math.min(maxReceived, wanted),
    WaitTimeSeconds: Math.min(longPollSeconds, Math.ceil(waitMs / 1_000)),
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  return (await sqs.send(command, { abortSignal: stopping.signal })).Messages ?? [];
}

/** Invoke the function, and delete the messages that it does not report as failed. */
async function processMessages(options: QueueSourceOptions, messages: readonly Message[]): Promise<void> {
  const { source, pool, onProblem, onRecursionStopped } = options;
  for (const batch of splitBySize(messages)) {
    const headers = batch.flatMap(({ Attributes }) => Attributes?.AWSTraceHeader ?? []);
    const { hops, traceHeader } = nextHop(source.function.arn, headers, Date.now());
    if (hops > maxHops && !source.function.allowsRecursion) {
      onRecursionStopped();
      onProblem(recursionStopped(source.function.label));
      continue;
    }
    const outcome = await pool.invoke(toSqsEvent(batch, source.queue.arn), traceHeader);
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
    await deleteMessages(
      options,
      batch.filter(({ MessageId }) => !failed.has(MessageId ?? '')),
    );
  }
}

async function deleteMessages({ source, sqs }: QueueSourceOptions, messages: readonly Message[]): Promise<void> {
  for (let from = 0; from < messages.length; from += maxReceived) {
    const Entries = messages
      .slice(from, from + maxReceived)
      .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: source.queue.url, Entries }));
  }
}

/** A dropped batch stays in the queue: its messages come back until SQS moves them to the dead-letter queue. */
function recursionStopped(label: string): string {
  return (
    `Recursive loop: a chain of messages has invoked ${label} ${maxHops} times, so Lambda would stop it here ` +
    'and count RecursiveInvocationsDropped. A function that sends to its own queue sets RecursiveLoop to Allow.'
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
