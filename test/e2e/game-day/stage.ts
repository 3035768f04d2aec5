import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { CallFault } from '../../../lib/local/faults/call-gate.ts';
import type { GatedCall } from '../../../lib/local/faults/gated-call.ts';
import type { AlarmState } from '../../../lib/local/metrics/evaluate-alarm.ts';
import type { RunningEngine } from '../running-engine.ts';
import type { Placeholders } from './runbook.ts';

const minuteMs = 60_000;

/** Alarms that one cause raises, and how a person mends it. */
export interface Scenario {
  /** Construct paths: `RawQueue/StuckAlarm`. */
  readonly alarms: readonly string[];
  /** Bring about the cause. @returns What mends it: the steps of the runbook that are no commands. */
  readonly provoke: (stage: Stage) => Promise<() => unknown>;
  /** Minutes of the clock between two looks at the alarms. @default 1 */
  readonly stepMinutes?: number;
  /** What the commands of the entries name, besides what {@link Stage.placeholders} knows. */
  readonly placeholders?: (stage: Stage) => Placeholders | Promise<Placeholders>;
}

type Rule = (call: GatedCall) => CallFault | undefined;

/** Faults of AWS calls that begin and end. */
export interface Faults {
  readonly judge: Rule;
  /** @returns What ends the fault. */
  begin(rule: Rule): () => void;
}

export function createFaults(): Faults {
  const rules = new Set<Rule>();
  return {
    judge: (call) => [...rules].map((rule) => rule(call)).find((fault) => fault !== undefined),
    begin(rule) {
      rules.add(rule);
      return () => rules.delete(rule);
    },
  };
}

/** A running engine on which things go wrong. */
export interface Stage extends RunningEngine {
  readonly faults: Faults;
  readonly sqs: SQSClient;
  readonly placeholders: Placeholders;
  /** URL of a queue: `RawQueue/DeadLetters`. */
  readonly queueUrl: (path: string) => string;
  readonly send: (queue: string, message: unknown) => Promise<void>;
  /** Invocations of a function that failed so far, or all. */
  readonly failed: (name: string) => number;
  readonly invoked: (name: string) => number;
  readonly stateOf: (alarm: string) => Promise<AlarmState>;
  /**
   * Let the clock go on to the begin of a minute: where real time passes between two steps, too, they are still in
   * minutes that follow each other, as the periods of alarms want.
   */
  readonly goOn: (minutes: number) => Promise<void>;
  /** Pass minutes of the clock one by one, each time the functions are idle. */
  readonly pass: (minutes: number, each?: (minute: number) => unknown) => Promise<void>;
  /** Look at an alarm until it is in a state, and let the clock pass meanwhile. */
  readonly until: (alarm: string, state: AlarmState['state'], stepMinutes?: number) => Promise<void>;
}

/** Looks at an alarm: more than its periods, and more than a message has receives. */
const maxLooks = 45;

/** Wait for what happens in real time, such as an invocation. */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 45_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`it never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export function createStage(running: RunningEngine, faults: Faults, key: string): Stage {
  const { engine } = running;
  const sqs = new SQSClient({ ...engine.clientConfig('sqs'), md5: false });
  const queueUrl = (path: string) => {
    const found = engine.resources.find((one) => one.type === 'AWS::SQS::Queue' && one.path === path);
    if (found === undefined) throw new Error(`there is no queue ${path}`);
    return found.ref;
  };
  const queues = engine.resources.filter(
    ({ type, path }) => type === 'AWS::SQS::Queue' && path.endsWith('/DeadLetters'),
  );
  const idle = () => waitUntil(() => !engine.isAtWork(), 'the functions are idle');
  const goOn = async (minutes: number) => {
    const nowMs = engine.now();
    await engine.advanceClock((Math.floor(nowMs / minuteMs) + minutes) * minuteMs - nowMs);
  };
  const stateOf = async (alarm: string) => {
    const found = (await engine.alarms()).find((one) => one.alarm.path === alarm);
    if (found === undefined) throw new Error(`the template has no alarm ${alarm}`);
    return found;
  };
  return {
    ...running,
    faults,
    sqs,
    placeholders: {
      'origin of the API': engine.url,
      key,
      'key for all tenants': key,
      ...Object.fromEntries(
        queues.map(({ path, ref }) => [`URL of ${path.split('/')[0]}'s dead-letter queue`, ref] as const),
      ),
    },
    queueUrl,
    async send(queue, message) {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl(queue), MessageBody: JSON.stringify(message) }));
    },
    failed(name) {
      const { error, timeout, crash } = engine.invocations(name);
      return error + timeout + crash;
    },
    invoked(name) {
      return Object.values(engine.invocations(name)).reduce((sum, count) => sum + count, 0);
    },
    stateOf,
    goOn,
    async pass(minutes, each = () => undefined) {
      for (let minute = 0; minute < minutes; minute += 1) {
        await idle();
        await each(minute);
        await goOn(1);
      }
    },
    async until(alarm, state, stepMinutes = 1) {
      const seen: unknown[] = [];
      for (let look = 0; look < maxLooks; look += 1) {
        if ((await stateOf(alarm)).state === state) return;
        await idle();
        const now = await stateOf(alarm);
        if (now.state === state) return;
        seen.push(now.values);
        await goOn(stepMinutes);
      }
      throw new Error(`${alarm} was never ${state}; its values: ${JSON.stringify(seen)}`);
    },
  };
}
