import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import { deliverEvents, type DeliverPorts, type JobDelivery } from '../../flows/deliver-events.ts';
import type { OutcomeCounter } from '../../ports/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../batch-response.ts';

export interface DeliverRuntime {
  readonly ports: DeliverPorts;
  readonly log: Logger;
  readonly outcomes: OutcomeCounter;
}

/** One delivery attempt per record; a failed record goes back alone. */
export function createDeliverHandler({ ports, log, outcomes }: DeliverRuntime) {
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const jobs: JobDelivery[] = [];
    for (const record of event.Records) {
      const job = parseRecord<DeliveryJob>(record);
      if (job === undefined)
        batch.fail(record.messageId, new EngineError('corrupt-state', 'a delivery job is no JSON', { retryable: false }));
      else jobs.push({ messageId: record.messageId, body: record.body, job });
    }
    for (const [index, outcome] of (await deliverEvents(ports, jobs)).entries()) {
      const { messageId, job } = jobs[index] as JobDelivery;
      if (outcome.kind === 'failed') {
        batch.fail(messageId, outcome.error);
        continue;
      }
      outcomes.count(outcome.kind);
      log.info('delivery attempted', {
        event: job.event,
        subscription: job.subscription,
        attempt: job.attempt,
        outcome: outcome.kind,
        ...('status' in outcome ? { status: outcome.status } : {}),
        ...('reason' in outcome ? { reason: outcome.reason } : {}),
      });
    }
    return batch.response();
  };
}
