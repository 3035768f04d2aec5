import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { limits } from '../../contracts/limits.ts';
import { type HidePorts, hideFailedMessages } from '../../flows/concurrency/hide-failed-messages.ts';

export interface RetryRuntime extends HidePorts {
  readonly log: Logger;
}

/**
 * Have what a consumer fails at come again in seconds, later after each failure. The visibility timeout of a queue is
 * minutes long, for consumers that die without a word; a consumer that knows that it failed need not wait for its end.
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
      // Lambda takes an invocation that throws for one that failed at all of its messages.
      await hide(runtime, event.Records);
      throw error;
    }
  };
}

/** A message that cannot be hidden for seconds is hidden for minutes: no reason to fail. */
async function hide(runtime: RetryRuntime, records: readonly SQSRecord[]): Promise<void> {
  const late = 'failed messages come again later than they could';
  try {
    const messages = records.map((record) => ({
      receipt: record.receiptHandle,
      receiveCount: receiveCountOf(record),
    }));
    const unchanged = await hideFailedMessages(runtime, messages);
    if (unchanged > 0) runtime.log.warn(late, { messages: unchanged });
  } catch (error) {
    runtime.log.warn(late, error as Error);
  }
}

/** How often the queue has handed a message over, this time included. */
export function receiveCountOf({ attributes }: SQSRecord): number {
  return Number(attributes?.ApproximateReceiveCount ?? 1);
}

/**
 * Messages that SQS moves to the dead-letter queue if they fail once more. SQS tells the engine nothing of that, so they
 * are counted as dead letters before the run, where a run that dies cannot prevent it; what the run does not fail at is
 * taken back afterwards.
 *
 * @param count - Adds to the count at once, in a line of its own.
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
    /** @param failedOf - Inputs of a message that the run failed at, at most its weight. */
    settle(failedOf: (messageId: string) => number): void {
      const failed = [...weights.keys()].reduce((sum, messageId) => sum + failedOf(messageId), 0);
      if (failed < ahead) count(failed - ahead);
    },
  };
}
