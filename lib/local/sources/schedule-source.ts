import { randomUUID } from 'node:crypto';
import type { FunctionPool } from '../sandbox/function-pool.ts';
import type { ScheduleModel } from '../template/event-sources.ts';
import { localAccountId, localRegion } from '../template/resource-type.ts';
import type { EngineClock } from '../time/clock.ts';
import { parseSchedule } from './schedule-expression.ts';

export interface ScheduleSource {
  /** Resolves when no invocation is running. */
  settled(): Promise<void>;
  /** Disable or enable the rule, as a person may. What became due meanwhile is not made up for. */
  enable(isEnabled: boolean): void;
  stop(): void;
}

/** Lambda's delays before it retries a failed asynchronous invocation. */
const retryDelaysMs = [60_000, 120_000];
/** Maximum delay of a timer; for a later instant, the timer is set again. */
const maxTimerMs = 60 * 60_000;

/**
 * Invoke a function when its schedule is due on the engine's clock, with retries of failed invocations.
 *
 * If the clock jumps over several due instants, the function runs once, for the last of them.
 */
export function startScheduleSource(schedule: ScheduleModel, pool: FunctionPool, clock: EngineClock): ScheduleSource {
  const times = parseSchedule(schedule.expression, clock.now());
  const retries: { dueMs: number; event: unknown; attempt: number }[] = [];
  let nextMs = times.nextAfter(clock.now());
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let isEnabled = true;
  const running = new Set<Promise<void>>();

  const invoke = (event: unknown, attempt: number) => {
    const run = invokeNow(event, attempt).finally(() => running.delete(run));
    running.add(run);
  };

  const invokeNow = async (event: unknown, attempt: number) => {
    const outcome = await pool.invoke(event);
    const delayMs = retryDelaysMs[attempt];
    if (stopped || outcome.kind === 'succeeded' || attempt >= schedule.asyncRetries || delayMs === undefined) return;
    retries.push({ dueMs: clock.now() + delayMs, event, attempt: attempt + 1 });
    check();
  };

  const check = () => {
    if (stopped) return;
    clearTimeout(timer);
    const nowMs = clock.now();
    if (nextMs !== undefined && nextMs <= nowMs) {
      let dueMs = nextMs;
      for (let later = times.nextAfter(dueMs); later !== undefined && later <= nowMs; later = times.nextAfter(later)) {
        dueMs = later;
      }
      nextMs = times.nextAfter(nowMs);
      if (isEnabled) invoke(scheduledEvent(schedule, dueMs), 0);
    }
    for (const retry of retries.splice(0)) {
      if (retry.dueMs <= nowMs) invoke(retry.event, retry.attempt);
      else retries.push(retry);
    }
    const waitsMs = [nextMs, ...retries.map(({ dueMs }) => dueMs)].flatMap((due) =>
      due === undefined ? [] : due - nowMs,
    );
    if (waitsMs.length > 0) timer = setTimeout(check, Math.max(1, Math.min(maxTimerMs, ...waitsMs)));
  };

  const endAdvance = clock.onAdvance(check);
  check();
  return {
    async settled() {
      await Promise.all(running);
    },
    enable(wanted) {
      isEnabled = wanted;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      endAdvance();
    },
  };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html */
function scheduledEvent({ input, arn }: ScheduleModel, dueMs: number): unknown {
  if (input !== undefined) return JSON.parse(input);
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: localAccountId,
    time: new Date(dueMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    region: localRegion,
    resources: [arn],
    detail: {},
  };
}
