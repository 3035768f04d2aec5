import type { EnrichMessage } from '../../contracts/messages.ts';
import type { EnrichQueue } from '../../ports/events/queues.ts';
import type { Fetch, FetchQueueKey, FetchRun, FetchStore } from '../../ports/provider/fetch-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface AskForFetchPorts {
  readonly fetches: Pick<FetchStore, 'add' | 'ask' | 'replaceRun'>;
  readonly enrichQueue: EnrichQueue;
  readonly clock: Clock;
}

/** How long a run's message may take to start it; dispatch looks at the queue after that. */
export const messageLifeMs = 60_000;

/**
 * Store thin events, and see that a run reads their records.
 *
 *   add the fetches -> count that they were added -> send a message, unless one is on its way or a run is at work
 *
 * A run looks at the count before it ends, so what was added meanwhile is not forgotten.
 */
export async function askForFetches(ports: AskForFetchPorts, fetches: readonly Fetch[]): Promise<void> {
  await ports.fetches.add(fetches);
  const queues = new Map(fetches.map(({ account, resource }) => [`${account}#${resource}`, { account, resource }]));
  await Promise.all(
    queues.values().map(async (key) => {
      await startRun(ports, key, await ports.fetches.ask(key));
    }),
  );
}

/** Send the message that starts a run, unless a run will look at the queue anyway. */
export async function startRun(ports: AskForFetchPorts, key: FetchQueueKey, asked: FetchRun): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const isAtWork = (asked.lease?.untilMs ?? 0) > nowMs;
  const isOnItsWay = (asked.messageUntilMs ?? 0) > nowMs;
  if (isAtWork || isOnItsWay) return;
  await send(ports, key, 0);
  // Another writer has seen to it.
  await ports.fetches.replaceRun({
    ...asked,
    messageUntilMs: nowMs + messageLifeMs,
    dueAtMs: Math.min(asked.dueAtMs ?? Number.POSITIVE_INFINITY, nowMs + messageLifeMs),
  });
}

async function send({ enrichQueue }: AskForFetchPorts, { account, resource }: FetchQueueKey, delayMs: number) {
  const message: EnrichMessage = { kind: 'enrich', account, resource };
  await enrichQueue.send(message, delayMs);
}
