import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { assumptions } from './aws-prices.ts';
import { budgets } from './budgets.ts';
import { costPerMillion, gbSeconds, readUnits, totalUsd, type Usage, writeUnits } from './cost-model.ts';
import { figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { type EventWay, startEventWay, type WayCost } from './stages/event-way.ts';
import { stageNames } from './stages/protocol.ts';

const run = { events: 100, bodyBytes: 2_048, batches: { normalize: 10, deliver: 1 } } as const;

/** What a million events of 2 KB with one subscriber cost in batches of 10: measured use at list prices. */
export const modelledCost: Section = {
  key: 'cost',
  name: 'Modelled AWS cost per million events of 2 KB, one subscriber, batches of 10',
  async run() {
    const way = await startEventWay(await sharedAssembly());
    try {
      // The code is compiled by then, as in a function that has been warm for a while.
      await way.run(run);
      await way.run(run);
      const cost = await way.run(run);
      const lines = costPerMillion(await usageOf(way, cost), run.events);
      return [
        withinBudget(figure('all', totalUsd(lines), 'USD'), budgets.costPerMillionUsd),
        ...lines.map(({ name, usd }) => figure(name, usd, 'USD')),
      ];
    } finally {
      await way.stop();
    }
  },
};

async function usageOf(way: EventWay, cost: WayCost): Promise<Usage> {
  const { stages, poller, events } = cost;
  const all = stageNames.map((stage) => stages[stage]);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const requests = (prefix: string) =>
    sum(
      [...all.map((one) => one.requests), poller]
        .flatMap((one) => Object.entries(one))
        .filter(([operation]) => operation.startsWith(prefix))
        .map(([, count]) => count),
    );
  const sizes = {
    event: await way.rowBytes(environmentKeys.eventsTable, (row) => row['id'] !== undefined),
    claim: await way.rowBytes(environmentKeys.idempotencyTable),
    delivery: await way.rowBytes(environmentKeys.deliveriesTable),
    endpoint: await way.rowBytes(environmentKeys.limitsTable),
    subscription: await way.rowBytes(environmentKeys.subscriptionsTable),
    statistics: await way.rowBytes(environmentKeys.statisticsTable),
  };
  const { normalize, deliver } = stages;
  const invocations = sum(all.map((one) => one.invocations));
  return {
    apiRequests: events,
    lambdaRequests: invocations,
    lambdaGbSeconds: sum(stageNames.map((stage) => gbSecondsOf(stage, cost))),
    sqsRequests: requests('sqs:'),
    writeUnits:
      // Each event: its claim, its row, its delivery.
      events * (writeUnits(sizes.claim) + writeUnits(sizes.event) + writeUnits(sizes.delivery)) +
      // Each batch: the counter of the sequence; the statistics and their index.
      normalize.invocations * (1 + 2 * writeUnits(sizes.statistics)) +
      // The endpoint's lease, and what came of it.
      2 * deliver.invocations * writeUnits(sizes.endpoint),
    readUnits:
      // Each event: its row, and its delivery, which is not there yet.
      events * (readUnits(sizes.event, { mayLag: true }) + readUnits(0)) +
      // Each batch: subscriptions of the tenant and of all tenants; subscription and endpoint.
      normalize.invocations * (readUnits(sizes.subscription) + readUnits(0)) +
      deliver.invocations * (readUnits(sizes.subscription) + readUnits(sizes.endpoint)),
    s3Puts: requests('s3:Put'),
    s3Gets: requests('s3:Get'),
    logBytes:
      sum(all.map((one) => one.logBytes + one.logLines * assumptions.logLineOverheadBytes)) +
      invocations * assumptions.platformLogBytes,
    infrequentLogBytes: events * (assumptions.accessLogBytes + assumptions.logLineOverheadBytes),
  };
}

/** Time of a stage's runs on AWS: its CPU on the part of a core that it has, and the round trips that it waits for. */
function gbSecondsOf(stage: (typeof stageNames)[number], { stages }: WayCost): number {
  const { cpuUs, invocations } = stages[stage];
  const memoryMb = assumptions.memoryMb[stage];
  const cores = Math.min(1, memoryMb / assumptions.memoryMbPerCore);
  const { dynamodb, sqs, receiver } = assumptions.waits[stage];
  const waitsMs =
    dynamodb * assumptions.dynamodbRoundTripMs + sqs * assumptions.sqsRoundTripMs + receiver * assumptions.receiverMs;
  return gbSeconds(cpuUs / 1_000 / cores + invocations * waitsMs, memoryMb);
}
