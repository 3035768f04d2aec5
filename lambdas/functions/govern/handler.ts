import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { GovernanceMessage } from '../../contracts/messages.ts';
import type { GovernNote, QueueNote } from '../../contracts/outcomes.ts';
import { continueErasure, type EraseTenantPorts } from '../../flows/tenants/erase-tenant.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives } from '../invocation/retry-soon.ts';

export interface GovernRuntime {
  readonly ports: EraseTenantPorts;
  readonly log: Logger;
  readonly outcomes: OutcomeCounter<GovernNote>;
  readonly outcomesNow: OutcomeCounter<QueueNote>;
}

/** Runs one tenant's erasure per record; only failed records return to the queue. */
export function createGovernHandler({ ports, log, outcomes, outcomesNow }: GovernRuntime) {
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const lastReceives = countLastReceives(event.Records, (amount) =>
      outcomesNow.count('messages-dead-lettered', amount),
    );
    await Promise.all(
      event.Records.map(async (record) => {
        const message = parseRecord(record);
        try {
          if (!isGovernanceMessage(message))
            throw new EngineError('corrupt-state', 'the message is not a governance message', { retryable: false });
          const { tenant, erasure } = message;
          const run = await continueErasure(ports, message);
          if (run.kind === 'done') outcomes.count('tenants-erased');
          log.info('erasure continued', {
            tenant,
            erasure,
            outcome: run.kind,
            ...(run.kind === 'continued' ? { pass: run.pass, phase: run.phase } : {}),
            ...(run.kind === 'done' ? { removed: run.certificate.removed } : {}),
          });
        } catch (error) {
          batch.fail(record.messageId, error);
        }
      }),
    );
    lastReceives.settle((messageId) => (batch.hasFailed(messageId) ? 1 : 0));
    return batch.response();
  };
}

/** Malformed messages must not reach the stores. */
function isGovernanceMessage(message: unknown): message is GovernanceMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, tenant, erasure } = message as Readonly<Record<string, unknown>>;
  return kind === 'erase' && [tenant, erasure].every((text) => typeof text === 'string' && text !== '');
}
