import { type LoadedEngine, type LoadedTenant, startLoadedEngine, warmUpEvents } from './load/loaded-engine.ts';
import { cpuBetween, readTreeUse } from './load/process-tree.ts';
import type { Hanging, TrafficResult } from './load/protocol.ts';
import { type Figure, figure, reachesBudget, type Section, withinBudget } from './section.ts';

/** Posts to an endpoint at a time, as subscriptions have it by default. */
const concurrency = 10;
const bodyBytes = 1_024;
const evenSeconds = 10;

interface Measured {
  readonly result: TrafficResult;
  readonly perSecond: number;
  /** Undefined where the system does not count it. */
  readonly cpuMs: number | undefined;
  readonly cpuMsByScript: Readonly<Record<string, number>>;
  readonly residentMb: number;
}

/** Events that arrive evenly, below saturation, where most deployments live. */
export const evenLoad: Section = {
  key: 'even-load',
  name: 'Events that arrive evenly, 1 KB, default concurrency of endpoints',
  about: [
    'CPU is that of the whole process tree: runner, functions and emulators. Half load is half of what was saturated in the same run.',
  ],
  async run() {
    const loaded = await startLoadedEngine();
    try {
      const figures: Figure[] = [];
      for (const subscriptions of [1, 10]) figures.push(...(await saturatedAndHalf(loaded, subscriptions)));
      const ten = await loaded.tenant(10, concurrency);
      await ten.run({ events: warmUpEvents / 10, bodyBytes });
      figures.push(...(await hundredPerSecond(loaded, ten)));
      for (const ratePerSecond of [12, 50]) figures.push(...(await besideHanging(loaded, ratePerSecond)));
      return figures;
    } finally {
      await loaded.stop();
    }
  },
};

async function saturatedAndHalf(loaded: LoadedEngine, subscriptions: number): Promise<readonly Figure[]> {
  const tenant = await loaded.tenant(subscriptions, concurrency);
  await tenant.run({ events: warmUpEvents / subscriptions, bodyBytes });
  const name = subscriptions === 1 ? 'one endpoint' : `${subscriptions} endpoints`;
  const saturated = await measure(loaded, tenant, { events: subscriptions === 1 ? 4_000 : 1_500 });
  const ratePerSecond = saturated.perSecond / 2;
  const half = await measure(loaded, tenant, { events: Math.ceil(ratePerSecond * evenSeconds), ratePerSecond });
  const atLeast = subscriptions === 1 ? 450 : 1_500;
  return [
    reachesBudget(
      figure(`${name}, saturated`, saturated.perSecond * subscriptions, 'deliveries/s', wayOf(saturated)),
      atLeast,
    ),
    ...perDelivery(`${name}, saturated`, saturated, subscriptions),
    ...carried(`${name}, half load`, half, ratePerSecond),
    withinBudget(figure(`${name}, half load: p50`, half.result.deliveryMs.p50, 'ms'), 50),
    withinBudget(figure(`${name}, half load: p99`, half.result.deliveryMs.p99, 'ms'), 400),
    ...perDelivery(`${name}, half load`, half, subscriptions),
    withinBudget(
      figure(
        `${name}: CPU of an event at half load, to that when saturated`,
        cpuPerEvent(half) / cpuPerEvent(saturated),
        'times',
      ),
      1.3,
    ),
  ];
}

async function hundredPerSecond(loaded: LoadedEngine, tenant: LoadedTenant): Promise<readonly Figure[]> {
  const even = await measure(loaded, tenant, { events: 100 * evenSeconds, ratePerSecond: 100 });
  const name = 'ten endpoints, 100 events/s';
  return [
    ...carried(name, even, 100),
    figure(`${name}: p50`, even.result.deliveryMs.p50, 'ms'),
    figure(`${name}: p99`, even.result.deliveryMs.p99, 'ms'),
    ...perDelivery(name, even, 10),
  ];
}

/** One of ten endpoints was fast, and begins to take ten seconds. */
async function besideHanging(loaded: LoadedEngine, ratePerSecond: number): Promise<readonly Figure[]> {
  const events = ratePerSecond * 2 * evenSeconds;
  const tenant = await loaded.tenant(10, concurrency);
  await tenant.run({ events: warmUpEvents / 10, bodyBytes });
  const alone = await measure(loaded, tenant, { events, ratePerSecond });
  const hanging = { subscription: 7, fromEvent: Math.floor(events / 10), answersAfterMs: 10_000 };
  const beside = await measure(loaded, tenant, { events, ratePerSecond, hanging });
  const name = `ten endpoints at ${ratePerSecond} events/s, one begins to hang`;
  const [p50, p99] = [beside.result.deliveryMs.p50, beside.result.deliveryMs.p99];
  return [
    reachesBudget(
      figure(
        `${name}: rate of the others, to that without it`,
        beside.perSecond / alone.perSecond,
        'times',
        wayOf(beside),
      ),
      0.95,
    ),
    withinBudget(
      figure(
        `${name}: p50 of the others, to that without it`,
        p50 / alone.result.deliveryMs.p50,
        'times',
        `${Math.round(p50)} ms`,
      ),
      2,
    ),
    withinBudget(
      figure(`${name}: p99 of the others`, p99, 'ms', `${Math.round(alone.result.deliveryMs.p99)} ms without it`),
      2_000,
    ),
    figure(
      `${name}: memory, to that without it`,
      beside.residentMb / alone.residentMb,
      'times',
      `${Math.round(beside.residentMb)} MB`,
    ),
  ];
}

async function measure(
  { trafficPid }: LoadedEngine,
  tenant: LoadedTenant,
  load: { readonly events: number; readonly ratePerSecond?: number; readonly hanging?: Hanging },
): Promise<Measured> {
  const before = readTreeUse(trafficPid);
  const result = await tenant.run({ bodyBytes, maxMs: 90_000, ...load });
  const after = readTreeUse(trafficPid);
  const used = before === undefined || after === undefined ? undefined : cpuBetween(before, after);
  return {
    result,
    perSecond: (result.accepted / result.totalMs) * 1_000,
    cpuMs: used?.cpuMs,
    cpuMsByScript: used?.cpuMsByScript ?? {},
    residentMb: after?.residentMb ?? Number.NaN,
  };
}

/** What was offered below saturation is carried whole: else a backlog grows for as long as the load lasts. */
function carried(name: string, measured: Measured, ratePerSecond: number): readonly Figure[] {
  const share = measured.perSecond / ratePerSecond;
  return [
    reachesBudget(
      figure(`${name}: carried of ${Math.round(ratePerSecond)} events/s`, share, 'times', wayOf(measured)),
      0.95,
    ),
  ];
}

function perDelivery(name: string, measured: Measured, subscriptions: number): readonly Figure[] {
  const deliveries = measured.result.accepted * subscriptions;
  const parts = Object.entries(measured.cpuMsByScript)
    .filter(([, ms]) => ms / deliveries >= 0.005)
    .map(([script, ms]) => `${script} ${(ms / deliveries).toFixed(2)}`);
  return [figure(`${name}: CPU of a delivery`, cpuPerEvent(measured) / subscriptions, 'ms', parts.join(', '))];
}

function cpuPerEvent({ cpuMs, result }: Measured): number {
  return cpuMs === undefined ? Number.NaN : cpuMs / result.accepted;
}

function wayOf({ result: { sent, accepted, received, lost, doubled } }: Measured): string {
  return `of ${sent} events sent ${accepted} accepted; ${received} received, ${lost} lost, ${doubled} doubled`;
}
