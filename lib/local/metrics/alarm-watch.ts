import type { AwsMetrics } from './aws-metrics.ts';
import { type AlarmState, evaluateAlarm } from './evaluate-alarm.ts';
import { type MetricStore, minuteMs } from './metric-store.ts';
import type { AlarmModel } from './read-alarms.ts';
import { seeQueues } from './see-queues.ts';

export interface AlarmWatchOptions {
  readonly model: { readonly alarms: readonly AlarmModel[]; readonly queues: readonly { readonly name: string }[] };
  readonly store: MetricStore;
  readonly metrics: AwsMetrics;
  /** Of the emulator of SQS. */
  readonly endpoint: string;
  readonly nowMs: () => number;
  readonly accountConcurrency: number;
  /** Called when an alarm begins or ends. */
  readonly onChange?: ((state: AlarmState) => void) | undefined;
}

/** Evaluates the alarms of a stack as CloudWatch does: each minute, and when it is asked. */
export interface AlarmWatch {
  /** The state of each alarm now, after a look at the queues. */
  evaluate(): Promise<readonly AlarmState[]>;
  stop(): void;
}

export function startAlarmWatch(options: AlarmWatchOptions): AlarmWatch {
  const { model, store, metrics, endpoint, nowMs, accountConcurrency, onChange } = options;
  const queueNames = model.queues.map(({ name }) => name);
  const known = new Map<string, AlarmState['state']>();

  async function evaluate(): Promise<readonly AlarmState[]> {
    await seeQueues(endpoint, queueNames, metrics, nowMs());
    const states = model.alarms.map((alarm) => evaluateAlarm(alarm, store, nowMs(), accountConcurrency));
    for (const one of states) {
      const before = known.get(one.alarm.logicalId) ?? 'OK';
      known.set(one.alarm.logicalId, one.state);
      if (one.state !== before) onChange?.(one);
    }
    return states;
  }
  // An engine that stops ends its emulator before this look has its answer.
  const timer = setInterval(() => void evaluate().catch(() => undefined), minuteMs);
  timer.unref();
  return { evaluate, stop: () => clearInterval(timer) };
}
