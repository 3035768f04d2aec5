import { endFork, nextMessage, startFork } from './forked.ts';
import type { TrafficMessage, TrafficOrder, TrafficPlan, TrafficResult } from './protocol.ts';

/** A provider and a subscriber. */
export interface Traffic {
  /** Origin of the subscriber's endpoints. */
  readonly subscriberUrl: string;
  readonly pid: number | undefined;
  run(plan: TrafficPlan): Promise<TrafficResult>;
  stop(): Promise<void>;
}

export async function startTraffic(): Promise<Traffic> {
  const child = startFork(new URL('./traffic.fork.ts', import.meta.url));
  const started = await nextMessage<TrafficMessage>(child);
  if (started.kind !== 'listening') throw new Error('the subscriber did not start');
  return {
    subscriberUrl: `http://127.0.0.1:${started.port}`,
    pid: child.pid,
    async run(plan) {
      child.send({ plan } satisfies TrafficOrder);
      const message = await nextMessage<TrafficMessage>(child);
      if (message.kind !== 'ended') throw new Error(message.kind === 'failed' ? message.message : message.kind);
      return message.result;
    },
    stop: () => endFork(child),
  };
}
