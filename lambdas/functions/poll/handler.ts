import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { PollMessage, PollNowMessage } from '../../contracts/messages.ts';
import type { PollNote, PollOutcome, QueueNote } from '../../contracts/outcomes.ts';
import type { RunCounts } from '../../engine/sync/sync-state.ts';
import { traceOfRun } from '../../engine/trace/trace-ids.ts';
import type { StatisticsBuffer } from '../../flows/statistics/statistics-buffer.ts';
import { pollNow } from '../../flows/sync/poll-now.ts';
import { runSync, type SyncReport } from '../../flows/sync/run-sync.ts';
import type { FoundOutcomes, SyncPorts } from '../../flows/sync/sync-ports.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives } from '../invocation/retry-soon.ts';
import { type MayTell, type Telemetry, type Tell, tellAll } from '../invocation/telemetry.ts';
import { budgetOf } from '../provider/budget-metric.ts';

export interface PollRuntime {
  readonly ports: SyncPorts;
  readonly log: Logger;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly tell: Tell;
  readonly warn: Tell;
  readonly measure: Telemetry['measure'];
  readonly outcomes: OutcomeCounter<PollOutcome | PollNote>;
  readonly outcomesNow: OutcomeCounter<PollOutcome | QueueNote>;
  readonly statistics: StatisticsBuffer;
}

/** Continues syncs, one per message, or brings them forward; only failed messages return. */
export function createPollHandler(runtime: PollRuntime) {
  const { ports, log, tell, mayTell = tellAll, outcomesNow } = runtime;
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const counting = { ...ports, onFound: (found: FoundOutcomes) => countFound(runtime, found) };
    const lastReceives = countLastReceives(event.Records, (amount) =>
      outcomesNow.count('messages-dead-lettered', amount),
    );
    await Promise.all(
      event.Records.map(async (record) => {
        try {
          const message = parseRecord(record);
          if (isPollNowMessage(message)) {
            const syncs = await pollNow(ports, message);
            const { account, trace } = message;
            log.info('syncs were brought forward', { correlation_id: trace, account, syncs });
            return;
          }
          if (!isPollMessage(message))
            throw new EngineError('corrupt-state', 'the message is not a poll message', { retryable: false });
          const { account, sync } = message;
          const report = await runSync(counting, { account, sync });
          await count(runtime, message, report);
          const { counts, outcome, stop, runs = [] } = report;
          const ids = runs.map(traceOfRun);
          const isTold = outcome === 'failed' || stop !== undefined || ids.length === 0 || ids.some(mayTell);
          const details = {
            ...(ids.length === 0 ? {} : { correlation_id: ids.length === 1 ? ids[0] : ids }),
            account,
            sync,
            ...counts,
            ...(outcome === undefined ? {} : { outcome }),
            ...(stop === undefined ? {} : { stop: stop.kind, until: new Date(stop.untilMs).toISOString() }),
          };
          tell('sync continued', isTold ? details : undefined, budgetOf(report.integration, report.budgetLeftPercent));
        } catch (error) {
          batch.fail(record.messageId, error);
        }
      }),
    );
    lastReceives.settle((messageId) => (batch.hasFailed(messageId) ? 1 : 0));
    return batch.response();
  };
}

/** Events are counted at once: a run that dies later has written how far it is, and does not publish them again. */
function countFound({ outcomes, outcomesNow }: PollRuntime, found: FoundOutcomes): void {
  const counter = (found.published ?? 0) > 0 ? outcomesNow : outcomes;
  for (const [name, amount] of Object.entries(found)) counter.count(name as PollOutcome, amount);
}

/** Count the runs that an invocation ended, and what it found. */
async function count(
  { outcomes, measure, warn, statistics, log }: PollRuntime,
  { account, sync }: PollMessage,
  report: SyncReport,
): Promise<void> {
  const { tenant, integration, counts, outcome, isFailingNow, lateness } = report;
  if (lateness?.freshnessMs !== undefined) measure('sync-freshness', lateness.freshnessMs / 1000);
  if (lateness !== undefined) measure('sync-lag', lateness.lagMs / 1000);
  if (outcome !== undefined) outcomes.count(outcome === 'succeeded' ? 'sync-runs-succeeded' : 'sync-runs-failed');
  if (isFailingNow === true) outcomes.count('syncs-failing');
  if (counts === undefined) return;
  const { created, updated, deleted, unchanged } = counts;
  const published = created + updated + deleted;
  const drifted = Object.values(counts.drift ?? {}).reduce((sum, amount) => sum + amount, 0);
  if (drifted > 0) outcomes.count('sync-drift', drifted);
  // At most one line for each cause, of a comparison of all records that found something.
  for (const [reason, changes] of Object.entries(counts.drift ?? {}))
    warn(
      'a comparison of all records found changes that nothing had told of',
      { account, sync, integration, reason, changes },
      { values: { 'sync-drift': changes }, dimensions: { reason }, by: [['reason']] },
    );
  if (tenant === undefined || integration === undefined || published + unchanged === 0) return;
  // Counts are not worth a second run.
  await statistics
    .add([{ scope: tenant, integration, counts: { published, unchanged, ...driftCounts(counts.drift) } }])
    .catch((error: unknown) => log.warn('statistics are not written yet', error as Error));
}

/** As the statistics name them. */
function driftCounts(drift: RunCounts['drift']): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(drift ?? {}).map(([cause, amount]) => [`drift:${cause}`, amount]));
}

function isPollNowMessage(message: unknown): message is PollNowMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, account, incarnation, resource } = message as Readonly<Record<string, unknown>>;
  const texts = [account, incarnation, ...(resource === undefined ? [] : [resource])];
  return kind === 'poll-now' && texts.every((text) => typeof text === 'string' && text !== '');
}

function isPollMessage(message: unknown): message is PollMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, account, sync } = message as Readonly<Record<string, unknown>>;
  return kind === 'poll' && [account, sync].every((text) => typeof text === 'string' && text !== '');
}
