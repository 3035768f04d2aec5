import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { DrainMessage, ShadowMessage } from '../../contracts/messages.ts';
import type { DrainOutcome, QueueNote, ShadowNote } from '../../contracts/outcomes.ts';
import { drainEndpoint } from '../../flows/deliver/drain/drain-endpoint.ts';
import type { DrainPorts } from '../../flows/deliver/drain/drain-run.ts';
import { type ShadowPorts, sendShadows } from '../../flows/deliver/shadow/send-shadows.ts';
import { type ContinueReplayPorts, continueReplay } from '../../flows/subscriptions/continue-replay.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives } from '../invocation/retry-soon.ts';
import { type MayTell, type Telemetry, type Tell, tellAll } from '../invocation/telemetry.ts';
import { learnTraces } from '../sending/known-traces.ts';

export interface DrainRuntime {
  readonly ports: DrainPorts & ContinueReplayPorts & ShadowPorts;
  readonly log: Logger;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly tell: Tell;
  readonly measure: Telemetry['measure'];
  readonly outcomes: OutcomeCounter<DrainOutcome | ShadowNote>;
  readonly outcomesNow: OutcomeCounter<QueueNote>;
}

/** Works on one endpoint's backlog, one replay, or the copies for one second endpoint, per record; only failed records return to the queue. */
export function createDrainHandler(runtime: DrainRuntime) {
  const { ports, log, outcomesNow } = runtime;
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const lastReceives = countLastReceives(event.Records, (amount) =>
      outcomesNow.count('messages-dead-lettered', amount),
    );
    await Promise.all(
      event.Records.map(async (record) => {
        const message = parseRecord(record);
        try {
          if (!isDrainMessage(message))
            throw new EngineError('corrupt-state', 'the message is not a drain message', { retryable: false });
          if (message.kind === 'drain') await drain(runtime, message);
          else if (message.kind === 'shadow') await shadow(runtime, message);
          else {
            const outcome = await continueReplay(ports, message);
            log.info('replay continued', { replay: message.replay, subscription: message.subscription, outcome });
          }
        } catch (error) {
          batch.fail(record.messageId, error);
        }
      }),
    );
    lastReceives.settle((messageId) => (batch.hasFailed(messageId) ? 1 : 0));
    return batch.response();
  };
}

async function drain(
  { ports, log, tell, mayTell = tellAll, measure, outcomes }: DrainRuntime,
  message: DrainMessage,
): Promise<void> {
  const { subscription } = message;
  const { traces, events } = learnTraces(ports.events);
  const end = await drainEndpoint({ ...ports, events }, message, (done) => {
    const told = done.filter(
      ({ kind, delivery }) => kind === 'retried' || kind === 'dead-lettered' || mayTell(traces.of(delivery.event)),
    );
    const attempted = told.map(({ kind, delivery }) => {
      const last = delivery.attempts.at(-1);
      return {
        correlation_id: traces.of(delivery.event),
        event: delivery.event,
        attempt: delivery.attemptCount,
        outcome: kind,
        ...(last === undefined ? {} : { status: last.status }),
        ...(delivery.exhaustedBy === undefined ? {} : { reason: delivery.exhaustedBy }),
      };
    });
    if (attempted.length > 0) log.info('deliveries attempted', { subscription, deliveries: attempted });
    const nowMs = ports.clock.nowMs();
    for (const { kind, delivery } of done)
      if (kind === 'delivered' && delivery.replay === undefined)
        measure('latency', nowMs - Date.parse(delivery.timestamp));
    for (const [kind, { length }] of Map.groupBy(done, ({ kind }) => kind)) outcomes.count(kind, length);
  });
  if (end.kind !== 'not-mine') measure('backlog-age', end.lateMs / 1000);
  tell('endpoint drained', { subscription, outcome: end.kind });
}

/** Counts the posts to a second endpoint. They count nowhere else, and none is tried again. */
async function shadow({ ports, log, outcomes }: DrainRuntime, message: ShadowMessage): Promise<void> {
  const { tenant, subscription, events } = message;
  const ended = await sendShadows(ports, message).catch((error: unknown) => {
    log.warn('second endpoint not served', { tenant, subscription, error: error as Error });
    return events.map((): ShadowNote => 'shadow-failed');
  });
  const counts = Object.fromEntries(
    [...Map.groupBy(ended, (kind) => kind)].map(([kind, { length }]) => [kind, length]),
  );
  for (const [kind, amount] of Object.entries(counts)) outcomes.count(kind as ShadowNote, amount);
  log.info('second endpoint served', { tenant, subscription, ...counts });
}

/** Malformed messages must not reach the stores. */
function isDrainMessage(message: unknown): message is DrainMessage | ShadowMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, subscription, scope, replay, restarts = 0, ...shadowed } = message as Readonly<Record<string, unknown>>;
  if (kind === 'shadow') return isText(subscription) && isText(scope) && isShadowed(shadowed);
  const named = kind === 'drain' ? [subscription, scope] : kind === 'replay' ? [subscription, scope, replay] : [''];
  return typeof restarts === 'number' && named.every(isText);
}

function isShadowed({ tenant, events }: Readonly<Record<string, unknown>>): boolean {
  return (
    isText(tenant) && Array.isArray(events) && events.every((one) => isText(one?.id) && Number.isInteger(one?.sequence))
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
