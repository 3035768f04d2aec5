import { synthesize } from '../infra/synthesized-stage.ts';
import { type AlwaysOn, countAlwaysOn } from './always-on.ts';
import { assumptions, idleAssumptions } from './aws-prices.ts';
import { budgets } from './budgets.ts';
import { gbSeconds, totalUsd } from './cost-model.ts';
import { type IdleRun, idleCostPerMonth, idleExtras } from './idle-cost-model.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { startEventWay } from './stages/event-way.ts';
import type { StageCost } from './stages/protocol.ts';

const stages = ['prod', 'dev'] as const;
const warmUpRuns = 20;

/**
 * The monthly cost of a deployed stack without traffic: the resources of its template, and the work of dispatch each
 * minute.
 */
export const idleCost: Section = {
  key: 'idle',
  name: 'A stack without traffic, USD a month',
  async run() {
    const stacks = stages.map((stage) => countAlwaysOn(synthesize(stage).resources, idleAssumptions.secondsPerMonth));
    const dispatch = await measureDispatch(stacks[0]?.dispatchMemoryMb ?? Number.NaN);
    const figures: Figure[] = [];
    for (const [index, stack] of stacks.entries()) {
      const stage = stages[index] ?? '';
      if (index > 0 && isSame(stack, stacks[0])) {
        const total = totalUsd(idleCostPerMonth(stack, dispatch));
        figures.push(figure(`${stage}: all`, total, 'USD', 'the same resources, line by line'));
        continue;
      }
      const lines = idleCostPerMonth(stack, dispatch);
      figures.push(
        withinBudget(figure(`${stage}: all`, totalUsd(lines), 'USD', 'in its first year'), budgets.idlePerMonthUsd),
        ...lines.map(({ name, usd, of }) => figure(`${stage}: ${name}`, usd, 'USD', of)),
        ...idleExtras(stack).map(({ name, usd, of }) => figure(`${stage}, on top: ${name}`, usd, 'USD', of)),
      );
    }
    return figures;
  },
};

function isSame(one: AlwaysOn, other: AlwaysOn | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A run of the deployed bundle on tables where nothing is due. */
async function measureDispatch(memoryMb: number): Promise<IdleRun> {
  const way = await startEventWay(await sharedAssembly());
  try {
    let cost: StageCost = await way.dispatch();
    for (let run = 0; run < warmUpRuns; run += 1) cost = await way.dispatch();
    const requests = Object.entries(cost.requests);
    const sum = (some: typeof requests) => some.reduce((total, [, count]) => total + count, 0);
    const cores = Math.min(1, memoryMb / assumptions.memoryMbPerCore);
    const waitsMs = idleAssumptions.dispatchRoundTrips * assumptions.dynamodbRoundTripMs;
    return {
      dynamodbRequests: sum(requests.filter(([operation]) => operation.startsWith('dynamodb:'))),
      gbSeconds: gbSeconds(cost.cpuUs / 1_000 / cores + waitsMs, memoryMb),
      logBytes: cost.logBytes + cost.logLines * assumptions.logLineOverheadBytes,
      customMetrics: cost.metrics.length,
    };
  } finally {
    await way.stop();
  }
}
