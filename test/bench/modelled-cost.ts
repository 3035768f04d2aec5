import { unpackEventRow } from '../../lambdas/adapters/dynamo/rows/packed-event-row.ts';
import { itemBytes, type Row } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { assumptions, idleAssumptions } from './aws-prices.ts';
import { budgets } from './budgets.ts';
import { costPerMillion, gbSeconds, readUnits, totalUsd, type Usage, writeUnits } from './cost-model.ts';
import { recordReadFigures } from './record-read-cost.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { type EventWay, startEventWay, type WayCost, type WayRun } from './stages/event-way.ts';
import { stageNames } from './stages/protocol.ts';

const bodyBytes = 2_048;
/** Messages per batch of normalize: many when events arrive fast, one when they arrive one by one. */
const batchSizes = [100, 40, 10, 3, 1] as const;
const budgetedBatchSize = 10;
/** The sizes for which each part of the cost is told. */
const toldInParts: readonly number[] = [100, 10, 3, 1];

const runOf = (batchSize: number): WayRun => ({
  // Whole batches.
  events: batchSize * Math.ceil(100 / batchSize),
  bodyBytes,
  // A message of deliver holds the events of one batch; a larger batch of normalize fills several.
  batches: { normalize: batchSize, deliver: Math.max(1, Math.ceil(batchSize / jobsPerMessage)) },
});

/** Events of one endpoint in a message of the delivery queue. */
const jobsPerMessage = 25;

/** Events per second for which both settings of `batching` are told. */
const rates = [1, 10, 100, 1_000] as const;

/**
 * Messages per batch at a rate. Each of Lambda's pollers takes what has come while it was busy: the time of a run
 * (`latency`) or the batching window (`economy`). Events are taken to arrive evenly, and to spread over five pollers,
 * which Lambda starts with; fewer pollers would make larger batches.
 */
function batchSizeAt(perSecond: number, batching: 'latency' | 'economy'): number {
  const gatheredMs = batching === 'latency' ? assumptions.latencyRunMs : limits.economyWindowSeconds * 1_000;
  const most = batching === 'latency' ? limits.queueBatchSize : limits.economyBatchSize;
  const gathered = (perSecond * gatheredMs) / 1_000 / idleAssumptions.pollersPerQueue;
  return Math.min(most, Math.max(1, gathered));
}

/** The cost at a size between two that were measured: what a batch costs is shared by its events. */
function usdAt(size: number, measured: readonly { readonly size: number; readonly usd: number }[]): number {
  const larger = measured.findLast((one) => one.size >= size);
  const smaller = measured.find((one) => one.size <= size);
  if (larger === undefined || smaller === undefined) return Number.NaN;
  if (larger.size === smaller.size) return larger.usd;
  const share = (1 / size - 1 / larger.size) / (1 / smaller.size - 1 / larger.size);
  return larger.usd + share * (smaller.usd - larger.usd);
}

/** The cost of a million events of 2 KB with one subscriber, by batch size: measured usage at list prices. */
export const modelledCost: Section = {
  key: 'cost',
  name: 'Modelled AWS cost per million events of 2 KB, one subscriber',
  async run() {
    const way = await startEventWay(await sharedAssembly());
    try {
      // By now the code is compiled, as in a function that has been warm for a while.
      await way.run(runOf(budgetedBatchSize));
      await way.run(runOf(budgetedBatchSize));
      const costs: WayCost[] = [];
      for (const size of batchSizes) costs.push(await way.run(runOf(size)));
      const rows = await readRowsOf(way);
      const unpacked = { ...rows, event: rows.event.map(unpackEventRow) };
      return [
        ...costs.flatMap((cost, index) => figuresOf(batchSizes[index] ?? 0, cost, rows, unpacked)),
        ...byRate(costs, rows),
        figure('row of an event', mean(unpacked.event.map(itemBytes)), 'bytes'),
        figure('row of an event, as stored', mean(rows.event.map(itemBytes)), 'bytes'),
        ...(await recordReadFigures()),
      ];
    } finally {
      await way.stop();
    }
  },
};

function byRate(costs: readonly WayCost[], rows: Rows): readonly Figure[] {
  const measured = costs.map((cost, index) => ({
    size: batchSizes[index] ?? 0,
    usd: totalUsd(costPerMillion(usageOf(cost, rows), cost.events)),
  }));
  return rates.flatMap((perSecond) =>
    (['latency', 'economy'] as const).map((batching) => {
      const size = batchSizeAt(perSecond, batching);
      const note = `in batches of ${Number(size.toFixed(1))}`;
      const one = figure(`${batching}, ${perSecond} events/s`, usdAt(size, measured), 'USD', note);
      return batching === 'economy' && perSecond >= 100 ? withinBudget(one, budgets.economyPerMillionUsd) : one;
    }),
  );
}

function figuresOf(batchSize: number, cost: WayCost, rows: Rows, unpacked: Rows): readonly Figure[] {
  const title = `batches of ${batchSize}`;
  const lines = costPerMillion(usageOf(cost, rows), cost.events);
  const all = figure(`${title}: all`, totalUsd(lines), 'USD', inWords(cost));
  return [
    batchSize === budgetedBatchSize ? withinBudget(all, budgets.costPerMillionUsd) : all,
    ...(toldInParts.includes(batchSize) ? partsOf(title, lines, cost, unpacked) : []),
  ];
}

function partsOf(
  title: string,
  lines: ReturnType<typeof costPerMillion>,
  cost: WayCost,
  unpacked: Rows,
): readonly Figure[] {
  return [
    ...lines.map(({ name, usd }) => figure(`${title}: ${name}`, usd, 'USD', noteOn[name])),
    figure(
      `${title}: all, were event rows not packed`,
      totalUsd(costPerMillion(usageOf(cost, unpacked), cost.events)),
      'USD',
      'as where an event of 2 KB is little else than text that says nothing twice',
    ),
  ];
}

const noteOn: Readonly<Record<string, string>> = {
  'SQS, fair-queue surcharge': 'messages carry a MessageGroupId, so that no account holds up the others',
  S3: 'the raw archive: one object for each batch of normalize',
};

/** Measured requests per event by service. */
function inWords({ events, stages, poller }: WayCost): string {
  const counts = new Map<string, number>();
  for (const requests of [...stageNames.map((stage) => stages[stage].requests), poller])
    for (const [operation, count] of Object.entries(requests)) {
      const service = operation.split(':', 1)[0] ?? '';
      counts.set(service, (counts.get(service) ?? 0) + count);
    }
  const parts = [...counts].map(([service, count]) => `${service} ${Number((count / events).toFixed(2))}`);
  return `requests per event: ${parts.sort().join(', ')}`;
}

type Rows = Readonly<
  Record<'event' | 'claim' | 'record' | 'delivery' | 'endpoint' | 'subscription' | 'statistics', readonly Row[]>
>;

async function readRowsOf(way: EventWay): Promise<Rows> {
  return {
    event: (await way.rows(environmentKeys.eventsTable)).filter((row) => row['id'] !== undefined),
    claim: await way.rows(environmentKeys.idempotencyTable),
    record: await way.rows(environmentKeys.recordsTable),
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
  // AWS rounds up each row, so take the mean of the costs, not the cost of the mean.
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
    // Messages are received and deleted as they were sent.
    fairQueueRequests: requests('sqs:') * (sum(all.map((one) => one.groupedSends)) / requests('sqs:Send')),
    writeUnits:
      // Each event: the state of its record, where it is found by its id, its row, its delivery.
      events * (writes('record') + writes('claim') + writes('event') + writes('delivery')) +
      // Each batch: the sequence counter, and the statistics, whose index holds no counts.
      normalize.invocations * (1 + writes('statistics')) +
      // The endpoint's lease: an instance keeps it for seconds, so events that arrive one by one write it each time.
      (events === normalize.invocations ? deliver.invocations : (deliver.requests['dynamodb:UpdateItem'] ?? 0)) *
        writes('endpoint'),
    readUnits:
      // Each event: the state of its record, its row, and its delivery, which does not exist yet.
      events * (reads('record') + reads('event', true) + readUnits(0)) +
      // Each batch: the versions of the tenant's subscriptions and of those to all tenants, then the subscription and
      // the endpoint. Unchanged subscriptions are read once a minute only.
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

/** Duration of a stage's runs on AWS: its CPU on its share of a core, plus the round trips that it waits for. */
function gbSecondsOf(stage: (typeof stageNames)[number], { stages, events }: WayCost): number {
  const { cpuUs, invocations } = stages[stage];
  const memoryMb = assumptions.memoryMb[stage];
  const cores = Math.min(1, memoryMb / assumptions.memoryMbPerCore);
  const { dynamodb, sqs } = assumptions.waits[stage];
  const rounds = stage === 'deliver' ? Math.ceil(events / invocations / assumptions.postsAtATime) : 0;
  const waitsMs =
    dynamodb * assumptions.dynamodbRoundTripMs + sqs * assumptions.sqsRoundTripMs + rounds * assumptions.receiverMs;
  return gbSeconds(cpuUs / 1_000 / cores + invocations * waitsMs, memoryMb);
}
