import { itemBytes } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { callsAtATime } from '../../lambdas/flows/enrich/enrich-records.ts';
import type { GatedCall } from '../../lib/local/faults/gated-call.ts';
import { assumptions, awsPrices } from './aws-prices.ts';
import { type CostLine, costPerMillion, gbSeconds, noUsage, totalUsd, type Usage, writeUnits } from './cost-model.ts';
import { type Figure, figure } from './section.ts';
import { type EnrichWay, startEnrichWay } from './stages/enrich-way.ts';

/** Thin events that wait for one run of enrich: one where they come one by one, ten where they come fast. */
const groups = [1, 10] as const;
const warmUpRuns = 3;
const measuredRuns = 5;

/**
 * The cost of reading the records of a million thin events, besides that of an event whose webhook carries the record:
 * the rows of fetches and budgets, the queue, the key of credentials, and the runs of enrich. What publishing costs is
 * the same in normalize and in enrich.
 */
export async function recordReadFigures(): Promise<readonly Figure[]> {
  const way = await startEnrichWay();
  try {
    for (let run = 0; run < warmUpRuns; run += 1) await way.run(groups[1]);
    const figures: Figure[] = [];
    for (const group of groups) {
      await way.run(group);
      const calls: GatedCall[] = [];
      for (let run = 0; run < measuredRuns; run += 1) calls.push(...(await way.run(group)));
      const lines = await linesOf(way, calls, group);
      const title = `reading the record of a thin event, ${group} in a run`;
      const largest = lines.toSorted((one, other) => other.usd - one.usd).slice(0, 3);
      const note = `on top of an event; of it ${largest.map(({ name, usd }) => `${name} ${usd.toFixed(2)}`).join(', ')}`;
      figures.push(figure(`${title}: all`, totalUsd(lines), 'USD', note));
    }
    return figures;
  } finally {
    await way.stop();
  }
}

async function linesOf(way: EnrichWay, calls: readonly GatedCall[], group: number): Promise<readonly CostLine[]> {
  const runs = measuredRuns;
  const events = runs * group;
  const count = (is: (call: GatedCall) => boolean) => calls.filter(is).length;
  const on = (key: string) => (call: GatedCall) => call.resource === way.nameOf(key);
  const isWrite = ({ operation }: GatedCall) => /^(Put|Update|Delete)Item$/.test(operation);
  const isRead = ({ operation }: GatedCall) => /^(BatchGetItem|GetItem|Query)$/.test(operation);
  const ofEnrich = ({ caller }: GatedCall) => caller === 'enrich';
  const [onFetches, onLimits] = [on(environmentKeys.fetchesTable), on(environmentKeys.limitsTable)];
  const [onAccounts, onCredentials] = [on(environmentKeys.accountsTable), on(environmentKeys.credentialsTable)];
  const budget = (await way.rows(environmentKeys.limitsTable)).filter(({ id }) => String(id).startsWith('budget#'));
  const budgetUnits = Math.max(...budget.map((row) => writeUnits(itemBytes(row))));
  const budgetWrites = count((call) => ofEnrich(call) && onLimits(call) && call.operation === 'PutItem');
  const sqs = count(on(environmentKeys.enrichQueueUrl));
  const usage: Usage = {
    ...noUsage,
    lambdaRequests: runs,
    lambdaGbSeconds: runs * gbSeconds(runMs(group, budgetWrites / events), assumptions.memoryMb.enrich),
    sqsRequests: sqs,
    fairQueueRequests: sqs,
    writeUnits:
      // A fetch, and the row of a run, are smaller than a unit.
      count((call) => onFetches(call) && isWrite(call)) +
      runs * assumptions.fetchIndexUnitsPerRun +
      budgetWrites * budgetUnits,
    readUnits: count(
      (call) =>
        ofEnrich(call) && isRead(call) && [onFetches, onLimits, onAccounts, onCredentials].some((is) => is(call)),
    ),
  };
  const kms = count(({ service }) => service === 'kms') / events;
  return [...costPerMillion(usage, events), { name: 'KMS', usd: kms * awsPrices.kmsPerMillionRequests }];
}

/** Duration of a run of enrich on AWS. @param budgetWrites - Writes of the budget per read, one after the other. */
function runMs(reads: number, budgetWrites: number): number {
  const { dynamodbRoundTripMs, kmsRoundTripMs, providerMs, sqsRoundTripMs, enrichCpuMs, memoryMbPerCore } = assumptions;
  const { dynamodb, sqs } = assumptions.waits.enrich;
  const rounds = Math.ceil(reads / callsAtATime);
  return (
    enrichCpuMs / Math.min(1, assumptions.memoryMb.enrich / memoryMbPerCore) +
    dynamodb * dynamodbRoundTripMs +
    sqs * sqsRoundTripMs +
    rounds * (kmsRoundTripMs + providerMs) +
    reads * budgetWrites * dynamodbRoundTripMs
  );
}
