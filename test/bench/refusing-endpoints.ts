import { budgets } from './budgets.ts';
import { endFork, nextMessage, startFork } from './load/forked.ts';
import { createLoadedAccount, loadedSecret, startSeededEngine } from './load/loaded-engine.ts';
import type {
  RefusalsMessage,
  RefusalsOrder,
  RefusalsPlan,
  RefusalsResult,
  RefusingEndpoint,
} from './load/refusals-protocol.ts';
import { type Figure, figure, reachesBudget, type Section } from './section.ts';

/** Shares of first attempts that an endpoint refuses, with the ratio it must still reach. */
const cases: readonly { readonly share: number; readonly atLeast: number }[] = [
  { share: 0, atLeast: 1 },
  ...budgets.refusingEndpoints,
];
/** The default of a subscription. */
const concurrency = 10;
/** Slow enough that two busy cores send the endpoints together more than they can handle. */
const answerMs = 400;

const load: Omit<RefusalsPlan, 'secret' | 'endpoints'> = {
  bodyBytes: 1_024,
  answerMs,
  window: 60,
  // The first retry follows after five to six seconds.
  warmUpMs: 10_000,
  measuredMs: 30_000,
  maxDrainMs: 20_000,
};

/**
 * Throughput of endpoints that refuse some first attempts with 503, relative to one that refuses none. All are loaded
 * at the same time, through the same engine, so a slow machine slows all of them.
 */
export const refusingEndpoints: Section = {
  key: 'refusals',
  name: 'What an endpoint takes that answers 503 to some first attempts, through the local engine',
  async run() {
    const results = await measure();
    const whole = results[0]?.taken ?? 0;
    return results.flatMap((result, index): readonly Figure[] => {
      const { share, atLeast } = cases[index] ?? { share: 0, atLeast: 1 };
      const name = `refuses ${share * 100} %`;
      const perSecond = result.taken / (load.measuredMs / 1_000);
      const taken = figure(`${name}: events taken`, perSecond, 'events/s', noteOf(result));
      if (share === 0) {
        const most = concurrency / (answerMs / 1_000);
        return [
          taken,
          figure(
            `${name}: of what it can take at ${concurrency} at a time`,
            perSecond / most,
            'times',
            'well below 1 the machine sets the pace, not the endpoint, and the ratios say little',
          ),
        ];
      }
      const ratio = figure(`${name}: ratio to the one that refuses none`, result.taken / whole, 'times');
      return [taken, reachesBudget(ratio, atLeast)];
    });
  },
};

function noteOf({ accepted, posts, refused, mostAtATime, outstanding }: RefusalsResult): string {
  return `${posts} posts, ${refused} refused, at most ${mostAtATime} at a time; of ${accepted} events accepted ${outstanding} were not taken ${load.maxDrainMs / 1_000} s after the last`;
}

async function measure(): Promise<readonly RefusalsResult[]> {
  const engine = await startSeededEngine();
  const child = startFork(new URL('./load/refusals.fork.ts', import.meta.url));
  try {
    const started = await nextMessage<RefusalsMessage>(child);
    if (started.kind !== 'listening') throw new Error('the endpoints did not start');
    const endpoints: RefusingEndpoint[] = [];
    for (const [index, { share }] of cases.entries()) {
      const subscription = { url: `http://127.0.0.1:${started.port}/${index}`, concurrency };
      endpoints.push({ url: await createLoadedAccount(engine, `tenant_${index}`, [subscription]), share });
    }
    child.send({ plan: { ...load, secret: loadedSecret, endpoints } } satisfies RefusalsOrder);
    const message = await nextMessage<RefusalsMessage>(child);
    if (message.kind !== 'ended') throw new Error(message.kind === 'failed' ? message.message : message.kind);
    return message.results;
  } finally {
    await endFork(child);
    await engine.stop();
  }
}
