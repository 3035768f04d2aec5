import { budgets } from './budgets.ts';
import { type LoadedTenant, startLoadedEngine, warmUpEvents } from './load/loaded-engine.ts';
import type { TrafficResult } from './load/protocol.ts';
import { type Figure, figure, reachesBudget, type Section } from './section.ts';

interface Case {
  readonly title: string;
  readonly bodyBytes: number;
  readonly subscriptions: number;
  readonly events: number;
  readonly isBudgeted?: true;
}

/** Enough events that each load takes some seconds. */
const cases: readonly Case[] = [
  { title: '1 KB, 1 subscription', bodyBytes: 1_024, subscriptions: 1, events: 2_500, isBudgeted: true },
  { title: '64 KB, 1 subscription', bodyBytes: 65_536, subscriptions: 1, events: 300 },
  { title: '1 KB, 100 subscriptions', bodyBytes: 1_024, subscriptions: 100, events: 40 },
  { title: '64 KB, 100 subscriptions', bodyBytes: 65_536, subscriptions: 100, events: 10 },
];

/**
 * From provider to subscriber through the local engine, emulators included. At saturation, enough events are in flight
 * to keep everything busy; at half load, they arrive evenly at half that rate. Every callback is reconciled.
 */
export const throughput: Section = {
  key: 'throughput',
  name: 'Provider to subscriber through the local engine',
  async run() {
    const loaded = await startLoadedEngine();
    try {
      const tenants = new Map<number, LoadedTenant>();
      const figures: Figure[] = [];
      for (const { title, bodyBytes, subscriptions, events, isBudgeted } of cases) {
        const tenant = tenants.get(subscriptions) ?? (await loaded.tenant(subscriptions));
        // Warm up, until sandboxes have compiled hot code and endpoints are known to be fast.
        if (!tenants.has(subscriptions))
          await tenant.run({ events: Math.ceil(warmUpEvents / subscriptions), bodyBytes: 1_024 });
        tenants.set(subscriptions, tenant);
        const cpu = process.cpuUsage();
        const saturated = await tenant.run({ events, bodyBytes });
        const { user, system } = process.cpuUsage(cpu);
        const perSecond = (saturated.accepted / saturated.totalMs) * 1_000;
        const halfEvents = Math.max(5, Math.ceil(events / 3));
        const half = await tenant.run({ events: halfEvents, bodyBytes, ratePerSecond: perSecond / 2 });
        const rate = figure(`${title}: events sustained`, perSecond, 'events/s');
        figures.push(
          isBudgeted ? reachesBudget(rate, budgets.localEventsPerSecond) : rate,
          figure(`${title}: callbacks`, perSecond * subscriptions, 'callbacks/s'),
          figure(`${title}: CPU of the runner's process per event`, (user + system) / 1_000 / saturated.accepted, 'ms'),
          ...endToEnd(`${title}, saturated`, saturated),
          ...endToEnd(`${title}, half load`, half),
        );
      }
      return figures;
    } finally {
      await loaded.stop();
    }
  },
};

function endToEnd(title: string, result: TrafficResult): readonly Figure[] {
  const { endToEndMs, sent, accepted, received, lost, doubled, unknown } = result;
  const note = `of ${sent} events sent ${accepted} accepted; callbacks: ${received} received, ${lost} lost, ${doubled} doubled, ${unknown} unknown`;
  return [
    figure(`${title}: end to end p50`, endToEndMs.p50, 'ms'),
    figure(`${title}: end to end p95`, endToEndMs.p95, 'ms'),
    figure(`${title}: end to end p99`, endToEndMs.p99, 'ms'),
    figure(`${title}: lost`, lost, 'callbacks', note),
  ];
}
