import { itemBytes, type Row } from '../../lambdas/adapters/aws/dynamo-rows.ts';
import { unpackEventRow } from '../../lambdas/adapters/aws/packed-event-row.ts';
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
      const rows = await readRowsOf(way);
      const lines = costPerMillion(usageOf(cost, rows), run.events);
      const unpacked = { ...rows, event: rows.event.map(unpackEventRow) };
      return [
        withinBudget(figure('all', totalUsd(lines), 'USD'), budgets.costPerMillionUsd),
        ...lines.map(({ name, usd }) => figure(name, usd, 'USD')),
        figure(
          'all, were event rows not packed',
          totalUsd(costPerMillion(usageOf(cost, unpacked), run.events)),
          'USD',
          'as where an event of 2 KB is little else than text that says nothing twice',
        ),
        figure('row of an event', mean(unpacked.event.map(itemBytes)), 'bytes'),
        figure('row of an event, as stored', mean(rows.event.map(itemBytes)), 'bytes'),
      ];
    } finally {
      await way.stop();
    }
  },
};

type Rows = Readonly<
  Record<'event' | 'claim' | 'delivery' | 'endpoint' | 'subscription' | 'statistics', readonly Row[]>
>;

async function readRowsOf(way: EventWay): Promise<Rows> {
  return {
    event: (await way.rows(environmentKeys.eventsTable)).filter((row) => row['id'] !== undefined),
    claim: await way.rows(environmentKeys.idempotencyTable),
    delivery: await way.rows(environmentKeys.deliveriesTable),
    endpoint: await way.rows(environmentKeys.limitsTable),
    subscription: await way.rows(environmentKeys.subscriptionsTable),
    statistics: await way.rows(environmentKeys.statisticsTable),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function usageOf(cost: WayCost, rows: Rows): Usage {
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
  // Each row is paid for by itself: the mean of what they cost, not the cost of the mean.
  const writes = (kind: keyof Rows) => mean(rows[kind].map((row) => writeUnits(itemBytes(row))));
  const reads = (kind: keyof Rows, mayLag = false) =>
    mean(rows[kind].map((row) => readUnits(itemBytes(row), { mayLag })));
  const { normalize, deliver } = stages;
  const invocations = sum(all.map((one) => one.invocations));
  return {
    apiRequests: events,
    lambdaRequests: invocations,
    lambdaGbSeconds: sum(stageNames.map((stage) => gbSecondsOf(stage, cost))),
    sqsRequests: requests('sqs:'),
    writeUnits:
      // Each event: its claim, its row, its delivery.
      events * (writes('claim') + writes('event') + writes('delivery')) +
      // Each batch: the counter of the sequence; the statistics, whose index holds no counts.
      normalize.invocations * (1 + writes('statistics')) +
      // The endpoint's lease, and what came of it.
      2 * deliver.invocations * writes('endpoint'),
    readUnits:
      // Each event: its row, and its delivery, which is not there yet.
      events * (reads('event', true) + readUnits(0)) +
      // Each batch: the versions of the tenant's subscriptions and of those of all tenants, which themselves are read
      // once a minute, if they do not change; subscription and endpoint.
      normalize.invocations * 2 * readUnits(0) +
      deliver.invocations * (reads('subscription') + reads('endpoint')),
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
