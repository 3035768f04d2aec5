import type { WaitingCalls } from '../../lambdas/ports/events/waiting-calls.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';

/** Waiting calls by bucket, each stored as its end. */
export function createInMemoryWaitingCalls(clock: Clock): WaitingCalls {
  const waiting = new Map<string, Set<{ readonly untilMs: number }>>();
  const live = (name: string) => {
    const calls = [...(waiting.get(name) ?? [])].filter(({ untilMs }) => untilMs > clock.nowMs());
    const kept = new Set(calls);
    waiting.set(name, kept);
    return kept;
  };
  return {
    async enter(buckets, untilMs) {
      const full = buckets.find(({ name, most }) => live(name).size >= most);
      if (full !== undefined) return { kind: 'full', name: full.name };
      const call = { untilMs };
      for (const { name } of buckets) live(name).add(call);
      return {
        kind: 'entered',
        leave: async () => {
          for (const { name } of buckets) waiting.get(name)?.delete(call);
        },
      };
    },
  };
}
