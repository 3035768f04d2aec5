import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TrafficMessage, TrafficOrder, TrafficPlan, TrafficResult } from './protocol.ts';

/** A provider and a subscriber. */
export interface Traffic {
  /** Origin of the subscriber's endpoints. */
  readonly subscriberUrl: string;
  run(plan: TrafficPlan): Promise<TrafficResult>;
  stop(): Promise<void>;
}

export async function startTraffic(): Promise<Traffic> {
  const child = fork(fileURLToPath(new URL('./traffic.fork.ts', import.meta.url)), [], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const started = await nextMessage(child);
  if (started.kind !== 'listening') throw new Error('the subscriber does not listen');
  return {
    subscriberUrl: `http://127.0.0.1:${started.port}`,
    async run(plan) {
      child.send({ plan } satisfies TrafficOrder);
      const message = await nextMessage(child);
      if (message.kind !== 'ended') throw new Error(message.kind === 'failed' ? message.message : message.kind);
      return message.result;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function nextMessage(child: ChildProcess): Promise<TrafficMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<TrafficMessage>();
  const ended = () => reject(new Error('the traffic process ended'));
  child.once('message', (message) => resolve(message as TrafficMessage));
  child.once('exit', ended);
  try {
    return await promise;
  } finally {
    child.off('exit', ended);
  }
}
