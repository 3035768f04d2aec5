import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { limits } from '../../contracts/limits.ts';
import { type HidePorts, hideFailedMessages } from '../../flows/concurrency/hide-failed-messages.ts';
import type { FailedMessages } from '../../ports/events/queues.ts';

export interface RetryRuntime extends HidePorts {
  readonly log: Logger;
  /**
   * Further queues that the function consumes, by their names: a queue knows the receipts of its own messages only.
   *
   * @default - none: all messages come from the queue of `failedMessages`
   */
  readonly otherQueues?: ReadonlyMap<string, FailedMessages> | undefined;
}

/**
 * Retry failed messages within seconds, with backoff. A queue's visibility timeout lasts minutes because consumers may
 * crash; a consumer that knows it failed need not wait that long.
 */
export function retrySoon(
  runtime: RetryRuntime,
  handle: (event: SQSEvent) => Promise<SQSBatchResponse>,
): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return async (event) => {
    try {
      const response = await handle(event);
      const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      await hide(
        runtime,
        event.Records.filter(({ messageId }) => failed.has(messageId)),
      );
      return response;
    } catch (error) {
      // When an invocation throws, Lambda counts all of its messages as failed.
      await hide(runtime, event.Records);
      throw error;
    }
  };
}

/** Shorten the messages' visibility timeouts. On failure they stay hidden for minutes, which is no reason to fail. */
async function hide(runtime: RetryRuntime, records: readonly SQSRecord[]): Promise<void> {
  const late = 'failed messages are retried only after the visibility timeout';
  try {
    const queues = Map.groupBy(
      records,
      (record) => runtime.otherQueues?.get(queueOf(record)) ?? runtime.failedMessages,
    );
    const unchanged = await Promise.all(
      [...queues].map(async ([failedMessages, some]) =>
        hideFailedMessages(
          { ...runtime, failedMessages },
          some.map((record) => ({ receipt: record.receiptHandle, receiveCount: receiveCountOf(record) })),
        ),
      ),
    );
    const messages = unchanged.reduce((sum, count) => sum + count, 0);
    if (messages > 0) runtime.log.warn(late, { messages });
  } catch (error) {
    runtime.log.warn(late, error as Error);
  }
}

/** The name of the queue that has delivered a message. */
function queueOf({ eventSourceARN }: SQSRecord): string {
  return eventSourceARN?.split(':').at(-1) ?? '';
}

/** How often the queue has delivered a message, this time included. */
export function receiveCountOf({ attributes }: SQSRecord): number {
  return Number(attributes?.ApproximateReceiveCount ?? 1);
}

/**
 * Counts messages that SQS moves to the dead-letter queue if they fail once more. SQS does not report the move, so the
 * run counts them as dead letters before it starts, when a crash cannot prevent it, and subtracts afterwards those that
 * did not fail.
 *
 * @param count - Publishes at once, in a log line of its own.
 * @param weightOf - Inputs that a message carries.
 */
export function countLastReceives(
  records: readonly SQSRecord[],
  count: (amount: number) => void,
  weightOf: (record: SQSRecord) => number = () => 1,
) {
  const weights = new Map(
    records
      .filter((record) => receiveCountOf(record) >= limits.maxReceiveCount)
      .map((record) => [record.messageId, weightOf(record)]),
  );
  const ahead = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  if (ahead > 0) count(ahead);
  return {
    isLast: (messageId: string) => weights.has(messageId),
    /** @param failedOf - How many inputs of a message failed, at most its weight. */
    settle(failedOf: (messageId: string) => number): void {
      const failed = [...weights.keys()].reduce((sum, messageId) => sum + failedOf(messageId), 0);
      if (failed < ahead) count(failed - ahead);
    },
  };
}
