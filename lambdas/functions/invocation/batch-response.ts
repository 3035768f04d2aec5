import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';

/** Read a queue message; one that is no JSON fails alone, until it reaches the dead-letter queue. */
export function parseRecord(record: SQSRecord): unknown {
  try {
    return JSON.parse(record.body) as unknown;
  } catch {
    return undefined;
  }
}

/** Collects the records of a batch that must come again. */
export function createBatchResponse(log: Logger) {
  const failed = new Set<string>();
  return {
    fail(messageId: string, error: unknown): void {
      failed.add(messageId);
      log.error('record failed', {
        messageId,
        code: error instanceof EngineError ? error.code : undefined,
        error: error as Error,
      });
    },
    hasFailed: (messageId: string) => failed.has(messageId),
    response: (): SQSBatchResponse => ({
      batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })),
    }),
  };
}
