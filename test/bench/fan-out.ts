import { itemBytes } from '../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import { awsPrices } from './aws-prices.ts';
import { requestsPerEvent } from './aws-requests.ts';
import { writeUnits } from './cost-model.ts';
import { type LoadedEngine, type LoadedTenant, startLoadedEngine } from './load/loaded-engine.ts';
import { cpuBetween, readTreeUse } from './load/process-tree.ts';
import { type Figure, figure, reachesBudget, type Section } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { type EventWay, startEventWay, type WayCost } from './stages/event-way.ts';

const bodyBytes = 1_024;
/** Callbacks of a case: some seconds of work. */
const callbacks = 8_000;
const warmUpCallbacks = 12_000;
/** Tenants whose events one subscription of all tenants takes. */
const tenantsOfShared = 10;

/** One event for many endpoints, and many tenants' events for one endpoint. */
export const fanOut: Section = {
  key: 'fan-out',
  name: 'One event to many endpoints, and the events of all tenants to one',
  about: [
    'The most-written partition is the share of the rows of deliveries that one partition key takes: a partition of DynamoDB takes 1,000 writes a second.',
  ],
  async run() {
    const figures: Figure[] = [];
    const loaded = await startLoadedEngine();
    try {
      for (const subscriptions of [100, 1_000]) figures.push(...(await carriedTo(loaded, subscriptions)));
      figures.push(...(await carriedOfAll(loaded)));
    } finally {
      await loaded.stop();
    }
    for (const subscriptions of [100, 1_000]) figures.push(...(await requestsTo(subscriptions)));
    return figures;
  },
};

async function carriedTo(loaded: LoadedEngine, subscriptions: number): Promise<readonly Figure[]> {
  const tenant = await loaded.tenant(subscriptions);
  const name = `${subscriptions} subscriptions`;
  const [rate, ...others] = await carried(name, loaded, tenant, subscriptions);
  return subscriptions === 100 ? [reachesBudget(rate, 30), ...others] : [rate, ...others];
}

async function carriedOfAll(loaded: LoadedEngine): Promise<readonly Figure[]> {
  const tenants = await loaded.sharedTenants(tenantsOfShared);
  return carried(`one subscription to ${tenantsOfShared} tenants`, loaded, tenants, 1);
}

async function carried(
  name: string,
  { trafficPid }: LoadedEngine,
  tenant: LoadedTenant,
  subscriptions: number,
): Promise<readonly [Figure, ...Figure[]]> {
  const load = { bodyBytes, maxMs: 90_000, maxDrainMs: 90_000 };
  await tenant.run({ ...load, events: Math.ceil(warmUpCallbacks / subscriptions) });
  const before = readTreeUse(trafficPid);
  const result = await tenant.run({ ...load, events: Math.max(4, Math.ceil(callbacks / subscriptions)) });
  const after = readTreeUse(trafficPid);
  const used = before === undefined || after === undefined ? undefined : cpuBetween(before, after);
  const perSecond = (result.accepted / result.totalMs) * 1_000;
  const made = result.accepted * subscriptions;
  const { sent, accepted, received, lost, doubled } = result;
  const parts = Object.entries(used?.cpuMsByScript ?? {})
    .filter(([, ms]) => ms / made >= 0.005)
    .map(([script, ms]) => `${script} ${(ms / made).toFixed(2)}`);
  return [
    figure(
      `${name}, saturated: events sustained`,
      perSecond,
      'events/s',
      `of ${sent} events sent ${accepted} accepted; ${received} received, ${lost} lost, ${doubled} doubled`,
    ),
    figure(`${name}, saturated: callbacks`, perSecond * subscriptions, 'callbacks/s'),
    figure(`${name}, saturated: CPU of a callback`, (used?.cpuMs ?? Number.NaN) / made, 'ms', parts.join(', ')),
  ];
}

async function requestsTo(subscriptions: number): Promise<readonly Figure[]> {
  const way = await startEventWay(await sharedAssembly(), { tenants: 1, subscriptions, matching: subscriptions });
  try {
    const run = { bodyBytes: 2_048, batches: { normalize: 1, deliver: 10 } };
    await way.run({ ...run, events: 1 });
    const events = 5;
    const cost = await way.run({ ...run, events });
    const name = `one event to ${subscriptions} endpoints`;
    const requests = requestsPerEvent(cost);
    const rows = await way.rows(environmentKeys.deliveriesTable);
    return [
      figure(`${name}: requests`, requests, 'requests', `${(requests / subscriptions).toFixed(3)} for each delivery`),
      figure(
        `${name}: a million deliveries`,
        await usdPerMillionDeliveries(cost, rows, subscriptions),
        'USD',
        'SQS, and the writes and reads of DynamoDB for the delivery',
      ),
      figure(`${name}: most-written partition`, mostWrittenShare(rows) * 100, '% of the writes'),
    ];
  } finally {
    await way.stop();
  }
}

type Rows = Awaited<ReturnType<EventWay['rows']>>;

/** Each delivery is one row, which deliver looks for before it posts. */
async function usdPerMillionDeliveries({ stages, poller, events }: WayCost, rows: Rows, subscriptions: number) {
  const sqs = [stages.normalize.requests, poller]
    .flatMap((one) => Object.entries(one))
    .filter(([operation]) => operation.startsWith('sqs:'))
    .reduce((sum, [, count]) => sum + count, 0);
  const deliveries = events * subscriptions;
  const units = rows.reduce((sum, row) => sum + writeUnits(itemBytes(row)), 0) / rows.length;
  return (
    (sqs / deliveries) * awsPrices.sqsPerMillionRequests +
    units * awsPrices.dynamodbPerMillionWriteUnits +
    awsPrices.dynamodbPerMillionReadUnits
  );
}

function mostWrittenShare(rows: Rows): number {
  const byPartition = Map.groupBy(rows, (row) => row['subscription']);
  return Math.max(...[...byPartition.values()].map(({ length }) => length)) / rows.length;
}
