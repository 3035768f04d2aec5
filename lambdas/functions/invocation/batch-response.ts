import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';

/** @returns Undefined for a body that is not JSON: the handler fails that record alone, until SQS dead-letters it. */
export function parseRecord(record: SQSRecord): unknown {
  try {
    return JSON.parse(record.body) as unknown;
  } catch {
    return undefined;
  }
}

/** Collects the records of a batch that SQS must deliver again. */
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
