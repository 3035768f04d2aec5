import { budgets } from './budgets.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';
import { shareOfNetwork } from './stages/cpu-profile.ts';
import { startEventWay, type WayCost } from './stages/event-way.ts';
import { stageNames } from './stages/protocol.ts';

const run = { events: 100, bodyBytes: 2_048, batches: { normalize: 10, deliver: 1 } } as const;
/** Runs until V8 has compiled the hot code. */
const warmUpRuns = 6;
const measuredRuns = 15;

/**
 * CPU of the functions' thread per event, in batches of 10, of the fastest run: other work on the machine only adds
 * time. Emulators and receiver have their own processes and threads. A profile shows the share of Node's sockets and
 * HTTP, which the budget excludes: that is network.
 */
export const ownCpu: Section = {
  key: 'cpu',
  name: 'Own CPU per event of 2 KB, batches of 10, by stage',
  async run() {
    const way = await startEventWay(await sharedAssembly());
    try {
      for (let warm = 0; warm < warmUpRuns; warm += 1) await way.run(run);
      const costs: WayCost[] = [];
      for (let measured = 0; measured < measuredRuns; measured += 1) costs.push(await way.run(run));
      const network = shareOfNetwork(
        await way.profile(async () => {
          for (let profiled = 0; profiled < measuredRuns; profiled += 1) await way.run(run);
        }),
      );

      const usPerEvent = ({ stages, events }: WayCost) =>
        stageNames.reduce((sum, stage) => sum + stages[stage].cpuUs, 0) / events;
      const least = costs.reduce((one, other) => (usPerEvent(other) < usPerEvent(one) ? other : one));
      const allUs = usPerEvent(least);
      const figures: Figure[] = stageNames.map((stage) =>
        figure(stage, least.stages[stage].cpuUs / least.events, 'µs'),
      );
      return [
        ...figures,
        figure('all, with the SDK, sockets and HTTP', allUs, 'µs'),
        figure('of it sockets and HTTP', network * 100, '%'),
        withinBudget(figure('all, without network', allUs * (1 - network), 'µs'), budgets.cpuPerEventUs),
      ];
    } finally {
      await way.stop();
    }
  },
};
