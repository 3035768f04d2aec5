import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { DeliverOutcome } from '../../contracts/outcomes.ts';
import type { JobDelivery } from '../../flows/deliver/decide-job.ts';
import { deliverEvents } from '../../flows/deliver/deliver-events.ts';
import type { DeliverPorts } from '../../flows/deliver/deliver-ports.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives, receiveCountOf } from '../invocation/retry-soon.ts';
import { type MayTell, type Telemetry, type Tell, tellAll } from '../invocation/telemetry.ts';
import { learnTraces } from '../sending/known-traces.ts';

export interface DeliverRuntime {
  readonly ports: DeliverPorts;
  readonly log: Logger;
  readonly tell: Tell;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly measure: Telemetry['measure'];
  readonly outcomes: OutcomeCounter<DeliverOutcome>;
  readonly outcomesNow: OutcomeCounter<DeliverOutcome>;
}

/** Attempts the deliveries of each record; only failed records return to the queue. */
export function createDeliverHandler(runtime: DeliverRuntime) {
  const { ports, log, tell, mayTell = tellAll, measure, outcomes, outcomesNow } = runtime;
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const lastReceives = countLastReceives(
      event.Records,
      (amount) => outcomesNow.count('dead-lettered', amount),
      (record) => Math.max(1, jobsIn(record).length),
    );
    const jobs: JobDelivery[] = [];
    for (const record of event.Records) {
      // A message holds jobs of some endpoints. SQS redelivers all of them; deliverEvents skips those that are done.
      const packed = jobsIn(record);
      if (packed.length > 0 && packed.every(isJob))
        jobs.push(
          ...packed.map((job) => ({ messageId: record.messageId, job, isRepeated: receiveCountOf(record) > 1 })),
        );
      else
        batch.fail(
          record.messageId,
          new EngineError('corrupt-state', 'the message does not hold delivery jobs', { retryable: false }),
        );
    }
    const { traces, events } = learnTraces(ports.events);
    for (const { job } of jobs) traces.note(job.event, job.trace);
    const results = await deliverEvents({ ...ports, events }, jobs);
    const failed = new Set(
      jobs.filter((_, index) => results[index]?.kind === 'failed').map(({ messageId }) => messageId),
    );
    const isFailed = (messageId: string) => (job: JobDelivery, index: number) =>
      job.messageId === messageId && results[index]?.kind === 'failed';
    lastReceives.settle((messageId) =>
      failed.has(messageId) ? jobs.filter(isFailed(messageId)).length : batch.hasFailed(messageId) ? 1 : 0,
    );
    const attempted: object[] = [];
    for (const [index, outcome] of results.entries()) {
      const { messageId, job } = jobs[index] as JobDelivery;
      if (outcome.kind === 'failed') {
        batch.fail(messageId, outcome.error, [traces.of(job.event)]);
        continue;
      }
      // Count a message once, when it is done: a retried message reports then how its jobs ended.
      if (!failed.has(messageId) || lastReceives.isLast(messageId)) outcomes.count(outcome.kind);
      if (outcome.kind === 'delivered' && job.attempt === 1)
        measure('latency', ports.clock.nowMs() - Date.parse(job.timestamp));
      const correlationId = traces.of(job.event);
      if (successes.has(outcome.kind) && !mayTell(correlationId)) continue;
      attempted.push({ correlation_id: correlationId, ...describeAttempt(job, outcome) });
    }
    if (attempted.length > 0) tell('deliveries attempted', { deliveries: attempted });
    return batch.response();
  };
}

function describeAttempt({ event, subscription, attempt }: DeliveryJob, outcome: { readonly kind: string }): object {
  return {
    event,
    subscription,
    attempt,
    outcome: outcome.kind,
    ...('status' in outcome ? { status: outcome.status } : {}),
    ...('reason' in outcome ? { reason: outcome.reason } : {}),
  };
}

/** Outcomes of which a sample is enough; the others say that something is wrong. */
const successes: ReadonlySet<string> = new Set(['delivered', 'filtered', 'duplicate']);

function jobsIn(record: SQSRecord): readonly unknown[] {
  return [parseRecord(record)].flat();
}

/** The stores read the jobs of a whole batch at once, so a malformed one must not reach them. */
function isJob(job: unknown): job is DeliveryJob {
  if (typeof job !== 'object' || job === null) return false;
  const { subscription, scope, event, tenant, timestamp, sequence, attempt } = job as Partial<DeliveryJob>;
  return (
    [subscription, scope, event, tenant, timestamp].every((text) => typeof text === 'string' && text !== '') &&
    [sequence, attempt].every((number) => Number.isSafeInteger(number))
  );
}
