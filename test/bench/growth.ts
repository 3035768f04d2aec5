import { requestsPerEvent } from './aws-requests.ts';
import { type Figure, figure, type Section } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { type Population, startEventWay, type WayCost, type WayRun } from './stages/event-way.ts';

const run: WayRun = { events: 200, bodyBytes: 1_024, batches: { normalize: 10, deliver: 10 } };
const backlog = 100_000;

/** How an event's cost grows with the population of the engine: requests, and the CPU of normalize and deliver. */
export const growth: Section = {
  key: 'growth',
  name: 'How an event costs more where there is more, batches of 10',
  async run() {
    const figures: Figure[] = [];
    for (const tenants of [1, 100, 10_000]) {
      const cost = await costOf({ tenants, subscriptions: 1 }, run);
      const name = `${inWords(tenants)} tenants`;
      const note = tenants === 1 ? undefined : 'each event of a batch is of another tenant';
      figures.push(figure(`${name}: requests`, requestsPerEvent(cost), 'requests', note));
      figures.push(figure(`${name}: CPU of normalize and deliver`, cpuUs(cost), 'µs'));
    }
    for (const subscriptions of [1, 100, 1_000]) {
      const cost = await costOf({ tenants: 1, subscriptions }, run);
      const name = `${inWords(subscriptions)} subscriptions of the tenant`;
      const note = subscriptions === 1 ? undefined : 'one wants the event; the others are read with it';
      figures.push(figure(`${name}: requests`, requestsPerEvent(cost), 'requests', note));
      figures.push(figure(`${name}: CPU of normalize and deliver`, cpuUs(cost), 'µs'));
    }
    for (const waiting of [0, backlog]) {
      const cost = await costOf({ tenants: 1, subscriptions: 1 }, { ...run, backlog: waiting });
      const name = `${inWords(waiting)} events wait for normalize`;
      figures.push(figure(`${name}: requests`, requestsPerEvent(cost), 'requests'));
      figures.push(figure(`${name}: CPU of normalize and deliver`, cpuUs(cost), 'µs'));
    }
    return figures;
  },
};

function cpuUs({ stages, events }: WayCost): number {
  return (stages.normalize.cpuUs + stages.deliver.cpuUs) / events;
}

function inWords(count: number): string {
  return count.toLocaleString('en-US');
}

/** The cost of a run, after two warm-up runs. */
async function costOf(population: Population, measured: WayRun): Promise<WayCost> {
  const way = await startEventWay(await sharedAssembly(), population);
  try {
    await way.run(run);
    await way.run(run);
    return await way.run(measured);
  } finally {
    await way.stop();
  }
}
