import { budgets } from './budgets.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { startEventWay, type WayCost, type WayRun } from './stages/event-way.ts';
import { stageNames } from './stages/protocol.ts';

/**
 * Batches of 1, small ones, those of the budget, and full ones of SQS: 10 messages, each with the jobs of 10 events.
 */
const runs: readonly (WayRun & { readonly title: string; readonly budget?: number })[] = [
  {
    title: 'batches of 1',
    events: 20,
    bodyBytes: 2_048,
    batches: { normalize: 1, deliver: 1 },
    budget: budgets.requestsOfOneEvent,
  },
  { title: 'batches of 3', events: 60, bodyBytes: 2_048, batches: { normalize: 3, deliver: 1 } },
  {
    title: 'batches of 10',
    events: 100,
    bodyBytes: 2_048,
    batches: { normalize: 10, deliver: 1 },
    budget: budgets.requestsPerEvent,
  },
  { title: 'full batches', events: 200, bodyBytes: 2_048, batches: { normalize: 10, deliver: 10 } },
];

/** AWS requests of one webhook event to one subscriber, as the deployed bundles' SDK makes them. */
export const awsRequests: Section = {
  key: 'requests',
  name: 'AWS requests per event, ingress to delivered',
  async run() {
    const way = await startEventWay(await sharedAssembly());
    try {
      // Warm up: accounts are read once in ten seconds, whatever the batch size.
      await way.run({ events: 10, bodyBytes: 2_048, batches: { normalize: 10, deliver: 1 } });
      const figures: Figure[] = [];
      for (const { title, budget, ...run } of runs) {
        const cost = await way.run(run);
        const total = figure(`${title}: all`, requestsPerEvent(cost), 'requests');
        figures.push(budget === undefined ? total : withinBudget(total, budget));
        figures.push(...byStage(title, cost));
      }
      return [...figures, ...(await toTenEndpoints()), ...(await ofTenTenants())];
    } finally {
      await way.stop();
    }
  },
};

/** One event, alone, for ten fast endpoints of its tenant. */
async function toTenEndpoints(): Promise<readonly Figure[]> {
  const way = await startEventWay(await sharedAssembly(), { tenants: 1, subscriptions: 10, matching: 10 });
  try {
    const run = { bodyBytes: 2_048, batches: { normalize: 1, deliver: 10 } };
    await way.run({ ...run, events: 5 });
    const cost = await way.run({ ...run, events: 1 });
    const total = figure('one event to ten endpoints: all', requestsPerEvent(cost), 'requests');
    return [withinBudget(total, budgets.requestsToTenEndpoints), ...byStage('one event to ten endpoints', cost)];
  } finally {
    await way.stop();
  }
}

/** Each event of a batch belongs to another tenant, with its own endpoint. */
async function ofTenTenants(): Promise<readonly Figure[]> {
  const way = await startEventWay(await sharedAssembly(), { tenants: 10, subscriptions: 1 });
  try {
    const run = { bodyBytes: 2_048, batches: { normalize: 10, deliver: 10 } };
    await way.run({ ...run, events: 10 });
    const cost = await way.run({ ...run, events: 100 });
    const total = figure('ten tenants: all', requestsPerEvent(cost), 'requests');
    return [withinBudget(total, budgets.requestsPerEventOfTenTenants), ...byStage('ten tenants', cost)];
  } finally {
    await way.stop();
  }
}

/** Requests of all stages and of Lambda's poller, which AWS bills alike. */
export function requestsPerEvent({ events, stages, poller }: WayCost): number {
  const counts = [...stageNames.map((stage) => stages[stage].requests), poller].flatMap((one) => Object.values(one));
  return counts.reduce((sum, count) => sum + count, 0) / events;
}

function byStage(title: string, { events, stages, poller }: WayCost): readonly Figure[] {
  const rows = [...stageNames.map((stage) => [stage, stages[stage].requests] as const), ['poller', poller] as const];
  return rows.flatMap(([stage, requests]) =>
    Object.entries(requests)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([operation, count]) => figure(`${title}: ${stage} ${operation}`, count / events, 'requests')),
  );
}
