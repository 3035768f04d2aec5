import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Load, startLoadedEngine } from './load/loaded-engine.ts';
import type { TrafficResult } from './load/protocol.ts';
import { startTraffic } from './load/traffic.ts';
import { type Figure, figure, type Section } from './section.ts';

/** The same for both: half of the provider's connections always have an open request. */
const steady: Load = { events: 200, bodyBytes: 1_024, ratePerSecond: 50 };
const saturated: Load = { events: 600, bodyBytes: 1_024, connections: 16, window: 600 };

/**
 * How fast a provider gets its answer, when its event is durable, and how many answers per second; compared with a bare
 * server that appends the body to a file, syncs and answers. There is no subscriber.
 */
export const ingressAnswers: Section = {
  key: 'ingress',
  name: 'Ingress, answered when durable, 1 KB',
  async run() {
    const engine = await overEngine();
    const bare = await overBareServer();
    return [
      ...describe('engine', engine),
      ...describe('bare server', bare),
      figure('ratio of requests at saturation', perSecond(engine.saturated) / perSecond(bare.saturated), 'times'),
    ];
  },
};

interface Answers {
  readonly steady: TrafficResult;
  readonly saturated: TrafficResult;
}

async function overEngine(): Promise<Answers> {
  const loaded = await startLoadedEngine();
  try {
    const tenant = await loaded.tenant(0);
    await tenant.run({ ...saturated, maxDrainMs: 0 });
    return {
      steady: await tenant.run({ ...steady, maxDrainMs: 0 }),
      saturated: await tenant.run({ ...saturated, maxDrainMs: 0 }),
    };
  } finally {
    await loaded.stop();
  }
}

async function overBareServer(): Promise<Answers> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
  const child = fork(fileURLToPath(new URL('./load/bare-ingress.fork.ts', import.meta.url)), [join(folder, 'bodies')], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const traffic = await startTraffic();
  try {
    const [port] = (await once(child, 'message')) as [number];
    const run = async (load: Load, firstRecord: number) =>
      traffic.run({
        urls: [`http://127.0.0.1:${port}/`],
        secret: 's3cret',
        firstRecord,
        subscriptions: 0,
        connections: 32,
        ratePerSecond: undefined,
        window: 1_000,
        maxMs: 30_000,
        maxDrainMs: 0,
        ...load,
      });
    await run(saturated, 1);
    return { steady: await run(steady, 1_001), saturated: await run(saturated, 2_001) };
  } finally {
    await traffic.stop();
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
    await rm(folder, { recursive: true, force: true });
  }
}

function describe(title: string, { steady: slow, saturated: fast }: Answers): readonly Figure[] {
  return [
    figure(`${title}: p50 at 50/s`, slow.answerMs.p50, 'ms'),
    figure(`${title}: p99 at 50/s`, slow.answerMs.p99, 'ms'),
    figure(`${title}: requests at saturation`, perSecond(fast), 'requests/s'),
    figure(`${title}: p50 at saturation`, fast.answerMs.p50, 'ms'),
    figure(`${title}: p99 at saturation`, fast.answerMs.p99, 'ms'),
  ];
}

function perSecond({ accepted, answeredMs }: TrafficResult): number {
  return (accepted / answeredMs) * 1_000;
}
