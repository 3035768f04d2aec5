import { requestsPerEvent } from './aws-requests.ts';
import { type Figure, figure, type Section } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { type Population, startEventWay, type WayCost, type WayRun } from './stages/event-way.ts';

const run: WayRun = { events: 100, bodyBytes: 1_024, batches: { normalize: 10, deliver: 10 } };
/** Messages that wait before normalize begins. More were not tried: the queue's emulator keeps them all in memory. */
const backlog = 2_000;

/** How an event's cost grows with what else is there: requests, and CPU of the stage that meets it. */
export const growth: Section = {
  key: 'growth',
  name: 'How an event costs more where there is more, batches of 10',
  async run() {
    const figures: Figure[] = [];
    for (const tenants of [1, 100]) {
      const [cost] = await costsOf({ tenants, subscriptions: 1 }, [run]);
      const note = tenants === 1 ? undefined : 'each event of a batch is of another tenant';
      figures.push(figure(`${tenants} tenants: requests`, requestsPerEvent(cost as WayCost), 'requests', note));
    }
    figures.push(
      figure(
        '10,000 tenants: requests',
        Number.NaN,
        'requests',
        'as with 100: a batch of 10 has 10 of them at most, each read by key',
      ),
    );
    for (const subscriptions of [1, 100, 1_000]) {
      const [cost] = await costsOf({ tenants: 1, subscriptions }, [run]);
      const { stages } = cost as WayCost;
      const note = subscriptions === 1 ? undefined : 'one wants the event; the others are read with it';
      const name = `${subscriptions} subscriptions of the tenant`;
      figures.push(figure(`${name}: requests`, requestsPerEvent(cost as WayCost), 'requests', note));
      figures.push(figure(`${name}: CPU of normalize`, stages.normalize.cpuUs / run.events, 'µs'));
    }
    const costs = await costsOf({ tenants: 1, subscriptions: 1 }, [run, { ...run, events: backlog }]);
    for (const [index, cost] of costs.entries())
      figures.push(
        figure(
          `${index === 0 ? run.events : backlog} events wait for normalize: CPU of normalize and deliver`,
          (cost.stages.normalize.cpuUs + cost.stages.deliver.cpuUs) / cost.events,
          'µs',
        ),
      );
    figures.push(
      figure(
        '100,000 events wait: CPU',
        Number.NaN,
        'µs',
        `as with ${backlog}: nothing that a batch does reads the queue's length`,
      ),
    );
    return figures;
  },
};

/** What runs cost, after one that warms the code up. */
async function costsOf(population: Population, runs: readonly WayRun[]): Promise<readonly WayCost[]> {
  const way = await startEventWay(await sharedAssembly(), population);
  try {
    await way.run(run);
    await way.run(run);
    const costs: WayCost[] = [];
    for (const one of runs) costs.push(await way.run(one));
    return costs;
  } finally {
    await way.stop();
  }
}
