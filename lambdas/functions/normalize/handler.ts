import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { NormalizeNote, NormalizeOutcome } from '../../contracts/outcomes.ts';
import type { Drift } from '../../engine/mapping/check-resource.ts';
import { traceOfRequest } from '../../engine/trace/trace-ids.ts';
import type { NormalizationCounter, Normalized } from '../../flows/normalize/count-normalizations.ts';
import type { Normalization, NormalizePorts, RawDelivery } from '../../flows/normalize/normalization.ts';
import { normalizeWebhooks } from '../../flows/normalize/normalize-webhooks.ts';
import { fanOutOf } from '../../flows/publish/fan-out-of.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives, receiveCountOf } from '../invocation/retry-soon.ts';
import { type MayTell, type Telemetry, type Tell, tellAll } from '../invocation/telemetry.ts';
import { recordRequest } from './request-spans.ts';

export interface NormalizeRuntime {
  readonly ports: NormalizePorts;
  readonly log: Logger;
  readonly tell: Tell;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly warn: Tell;
  readonly measure: Telemetry['measure'];
  readonly outcomes: OutcomeCounter<NormalizeOutcome | NormalizeNote>;
  readonly outcomesNow: OutcomeCounter<NormalizeOutcome>;
  readonly statistics: NormalizationCounter;
}

/** A request that failed at every receive: SQS moves it to the dead-letter queue. */
const movedBySqs = { kind: 'dead-lettered', reason: 'it failed whenever it was received' } as const;

/** Turns accepted requests into published events; only failed records return to the queue. */
export function createNormalizeHandler(runtime: NormalizeRuntime) {
  const { ports, log, tell, mayTell = tellAll, outcomes, outcomesNow, statistics } = runtime;
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const lastReceives = countLastReceives(event.Records, (amount) => outcomesNow.count('dead-lettered', amount));
    const deliveries: RawDelivery[] = [];
    for (const record of event.Records) {
      const message = parseRecord(record) as RawMessage | undefined;
      if (message === undefined)
        batch.fail(
          record.messageId,
          new EngineError('corrupt-state', 'the raw message is not JSON', { retryable: false }),
        );
      else {
        const receiveCount = receiveCountOf(record);
        const sentAtMs = Number(record.attributes?.SentTimestamp) || undefined;
        deliveries.push({ messageId: record.messageId, body: record.body, message, sentAtMs, receiveCount });
      }
    }
    const startedAtMs = ports.clock.nowMs();
    const normalizations = await normalizeWebhooks(ports, deliveries);
    const endedAtMs = ports.clock.nowMs();
    const ended: Normalized[] = [];
    for (const [index, normalization] of normalizations.entries()) {
      const delivery = deliveries[index] as RawDelivery;
      const { messageId, message } = delivery;
      if (ports.spans !== undefined) recordRequest(ports.spans, delivery, normalization, { startedAtMs, endedAtMs });
      if (normalization.kind === 'failed') {
        batch.fail(messageId, normalization.error, [traceOfRequest(message.rawId)]);
        // countLastReceives counts the metric; this adds it to the account's statistics.
        if (lastReceives.isLast(messageId)) ended.push({ message, normalization: movedBySqs });
        continue;
      }
      ended.push({ message, normalization });
      countOutcome(outcomes, normalization);
      if (normalization.kind === 'mapped') {
        measureLatency(runtime, message, normalization);
        reportDrifts(runtime, message, normalization.drifts);
      }
    }
    lastReceives.settle((messageId) => (batch.hasFailed(messageId) ? 1 : 0));
    const counting = await statistics.count(ended);
    if (counting.kind !== 'counted') log.warn('statistics are not written yet', { ...counting });
    // Log last, so the line carries every count; a run that crashes earlier has counted nothing.
    const told = ended.filter(
      ({ message, normalization }) => normalization.kind === 'dead-lettered' || mayTell(traceOfRequest(message.rawId)),
    );
    if (told.length > 0) tell('requests normalized', { requests: told.map(toLogEntry) });
    return batch.response();
  };
}

function toLogEntry({ message, normalization }: Normalized): object {
  return {
    correlation_id: traceOfRequest(message.rawId),
    integration: message.integration,
    account: message.account,
    outcome: normalization.kind,
    ...(normalization.kind === 'dead-lettered' ? { rawId: message.rawId, reason: normalization.reason } : {}),
  };
}

function countOutcome(
  outcomes: OutcomeCounter<NormalizeOutcome>,
  normalization: Exclude<Normalization, { kind: 'failed' }>,
): void {
  outcomes.count(normalization.kind);
  if (normalization.kind !== 'mapped') return;
  for (const publication of normalization.publications) {
    if (publication.kind === 'failed') continue;
    outcomes.count(publication.kind);
    if (publication.kind !== 'published') continue;
    outcomes.count(...fanOutOf(publication));
  }
}

/** A request that is processed again, from the archive, is as old as the archive. */
function measureLatency(
  { measure, ports }: Pick<NormalizeRuntime, 'measure' | 'ports'>,
  { receivedAt, archived }: RawMessage,
  { publications }: Extract<Normalization, { kind: 'mapped' }>,
): void {
  if (archived === true || !publications.some(({ kind }) => kind === 'published')) return;
  measure('latency', ports.clock.nowMs() - Date.parse(receivedAt));
}

/** Log lines about drift per request. */
const maxLoggedDrifts = 20;

/** Count every mismatch with a schema. Log each place once, without the values. */
function reportDrifts(
  { warn, outcomes }: Pick<NormalizeRuntime, 'warn' | 'outcomes'>,
  { rawId, integration }: RawMessage,
  drifts: readonly Drift[],
): void {
  if (drifts.length === 0) return;
  outcomes.count('schema-drift', drifts.length);
  // Items of one list usually drift alike, so their indexes are dropped.
  const places = drifts.map(({ path, ...drift }) => ({ ...drift, path: path.replace(/\[\d+\]/g, '[]') }));
  const distinct = new Map(places.map((place) => [JSON.stringify(place), place]));
  for (const [index, place] of [...distinct.values()].slice(0, maxLoggedDrifts).entries())
    warn(
      'data does not fit the schema of its resource',
      { correlation_id: traceOfRequest(rawId), rawId, integration, ...place },
      // The first line counts for all; the total of all integrations is in the line of the batch.
      index > 0
        ? undefined
        : { values: { 'schema-drift': drifts.length }, dimensions: { integration }, by: [['integration']] },
    );
}
