import type { MathScope, Point } from './metric-math.ts';
import { type MetricStore, minuteMs } from './metric-store.ts';
import type { AlarmModel } from './read-alarms.ts';

/** What CloudWatch would show of an alarm. */
export interface AlarmState {
  readonly alarm: AlarmModel;
  readonly state: 'OK' | 'ALARM';
  /** The value of each period that was looked at, the latest first; undefined without data. */
  readonly values: readonly Point[];
}

/**
 * Evaluate an alarm at an instant, over whole periods that end with the current minute.
 *
 * @param quota - What `SERVICE_QUOTA` answers.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
export function evaluateAlarm(alarm: AlarmModel, store: MetricStore, nowMs: number, quota: number): AlarmState {
  const untilMs = (Math.floor(nowMs / minuteMs) + 1) * minuteMs;
  const values = Array.from({ length: alarm.periods }, (_, index) =>
    valueOf(alarm, store, untilMs - (index + 1) * alarm.periodMs, untilMs - index * alarm.periodMs, quota),
  );
  const beyond = values.filter((value) =>
    value === undefined ? alarm.missingIsBeyond : alarm.whenBelow ? value < alarm.threshold : value >= alarm.threshold,
  );
  return { alarm, state: beyond.length >= alarm.toAlarm ? 'ALARM' : 'OK', values };
}

function valueOf(
  { metrics, expression }: AlarmModel,
  store: MetricStore,
  fromMs: number,
  untilMs: number,
  quota: number,
): Point {
  const points = new Map(
    metrics.map(({ id, key, statistic }) => [id, store.read(key, statistic, fromMs, untilMs)] as const),
  );
  if (expression === undefined) return [...points.values()][0];
  const scope: MathScope = {
    read: (id) => points.get(id),
    metrics: () => [...points.values()],
    quota: () => quota,
  };
  return expression(scope);
}
