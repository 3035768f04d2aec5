import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import { recordFailed } from '../../contracts/log-messages.ts';

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
    /** @param correlationIds - What the record is about. */
    fail(messageId: string, error: unknown, correlationIds: readonly string[] = []): void {
      failed.add(messageId);
      log.error(recordFailed, {
        messageId,
        ...(correlationIds.length === 0 ? {} : { correlation_id: only(correlationIds) }),
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

/** One id as text; the ids of a batch as a list. */
function only(ids: readonly string[]): string | readonly string[] {
  const [first = '', ...others] = new Set(ids);
  return others.length === 0 ? first : [first, ...others];
}
