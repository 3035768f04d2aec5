import type { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { EngineError } from '../../contracts/engine-error.ts';
import type { AccountNewsMessage, EnrichMessage } from '../../contracts/messages.ts';
import type { EnrichOutcome, QueueNote } from '../../contracts/outcomes.ts';
import type { EnrichedRound } from '../../flows/enrich/enrich-records.ts';
import { type RunFetchesPorts, runFetches } from '../../flows/enrich/run-fetches.ts';
import { tellOfAccount } from '../../flows/provider/tell-of-account.ts';
import { fanOutOf } from '../../flows/publish/fan-out-of.ts';
import type { StatisticsBuffer } from '../../flows/statistics/statistics-buffer.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createBatchResponse, parseRecord } from '../invocation/batch-response.ts';
import { countLastReceives } from '../invocation/retry-soon.ts';
import { type MayTell, type Telemetry, type Tell, tellAll } from '../invocation/telemetry.ts';
import { budgetOf } from '../provider/budget-metric.ts';

export interface EnrichRuntime {
  readonly ports: RunFetchesPorts;
  readonly log: Logger;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly tell: Tell;
  readonly measure: Telemetry['measure'];
  readonly outcomes: OutcomeCounter<EnrichOutcome>;
  readonly outcomesNow: OutcomeCounter<QueueNote>;
  readonly statistics: StatisticsBuffer;
}

/** Reads the records of thin events, a queue per message; only failed messages return. */
export function createEnrichHandler(runtime: EnrichRuntime) {
  const { ports, log, tell, mayTell = tellAll, outcomesNow } = runtime;
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const batch = createBatchResponse(log);
    const lastReceives = countLastReceives(event.Records, (amount) =>
      outcomesNow.count('messages-dead-lettered', amount),
    );
    await Promise.all(
      event.Records.map(async (record) => {
        try {
          const message = parseRecord(record);
          if (isAccountNews(message)) {
            await tellOfAccount(ports, message.account);
            return;
          }
          if (!isEnrichMessage(message))
            throw new EngineError('corrupt-state', 'the message is not an enrich message', { retryable: false });
          const { account, resource } = message;
          const counting = { ...ports, onPublished: async (published: Published) => count(runtime, published) };
          const report = await runFetches(counting, { account, resource });
          const told = report.rounds
            .flatMap(({ published }) => published)
            .filter(
              ({ fetch: { trace }, publication }) =>
                publication.kind === 'failed' || trace === undefined || mayTell(trace),
            )
            .slice(0, mostToldReads);
          const details = {
            account,
            resource,
            fetches: report.rounds.reduce((sum, { published }) => sum + published.length, 0),
            dropped: report.dropped.length,
            reads: told.map(({ fetch, publication }) => ({ correlation_id: fetch.trace, outcome: publication.kind })),
            ...(report.stop === undefined ? {} : { stop: report.stop }),
          };
          tell('records read', details, budgetOf(report.integration, report.budgetLeftPercent));
        } catch (error) {
          batch.fail(record.messageId, error);
        }
      }),
    );
    lastReceives.settle((messageId) => (batch.hasFailed(messageId) ? 1 : 0));
    return batch.response();
  };
}

/** Reads that one line names. */
const mostToldReads = 100;

type Published = EnrichedRound['published'];

/** Count how each webhook that waited has ended: those of one record share the outcome of its read. */
async function count(runtime: EnrichRuntime, published: Published): Promise<void> {
  const { ports, measure, outcomes, statistics, log } = runtime;
  const nowMs = ports.clock.nowMs();
  const tallies = published.flatMap(({ fetch, publication, isThin }) => {
    if (publication.kind === 'failed') return [];
    if (publication.kind === 'published') measure('latency', nowMs - Date.parse(fetch.receivedAt));
    outcomes.count(publication.kind);
    if (fetch.count > 1) outcomes.count('coalesced', fetch.count - 1);
    if (isThin) outcomes.count('unread');
    if (publication.kind === 'published') outcomes.count(...fanOutOf(publication));
    return [
      {
        scope: fetch.tenant,
        integration: fetch.integration,
        counts: { [publication.kind]: 1, ...(fetch.count > 1 ? { coalesced: fetch.count - 1 } : {}) },
      },
    ];
  });
  // Counts are not worth a second read.
  await statistics.add(tallies).catch((error: unknown) => log.warn('statistics are not written yet', error as Error));
}

function isAccountNews(message: unknown): message is AccountNewsMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, account } = message as Readonly<Record<string, unknown>>;
  return kind === 'account-news' && typeof account === 'string' && account !== '';
}

function isEnrichMessage(message: unknown): message is EnrichMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { kind, account, resource } = message as Readonly<Record<string, unknown>>;
  return kind === 'enrich' && [account, resource].every((text) => typeof text === 'string' && text !== '');
}
