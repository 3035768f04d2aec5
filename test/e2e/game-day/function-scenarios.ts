import { createHash } from 'node:crypto';
import { PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { type Scenario, type Stage, waitUntil } from './stage.ts';

/**
 * Messages that ask for work which does not exist: a healthy function ends them at once, and one that cannot reach its
 * tables fails on them.
 */
const messages = {
  enrich: { queue: 'EnrichQueue/Queue', body: { kind: 'enrich', account: 'acc_gone', resource: 'crm/contacts' } },
  poll: { queue: 'PollQueue/Queue', body: { kind: 'poll', account: 'acc_gone', sync: 'contacts' } },
  deliver: {
    queue: 'DeliveryQueue/Queue',
    body: {
      subscription: 'sub_gone',
      scope: 'game',
      event: 'evt_gone',
      tenant: 'game',
      sequence: 1,
      timestamp: '2026-11-30T00:00:00.000Z',
      attempt: 1,
    },
  },
  drain: { queue: 'DrainQueue/Queue', body: { kind: 'drain', subscription: 'sub_gone', scope: 'game' } },
  shadow: {
    queue: 'ShadowQueue/Queue',
    body: {
      kind: 'shadow',
      tenant: 'game',
      scope: 'game',
      subscription: 'sub_gone',
      events: [{ id: 'evt_gone', sequence: 1 }],
    },
  },
  govern: { queue: 'GovernanceQueue/Queue', body: { kind: 'erase', tenant: 'gone', erasure: 'erasure_gone' } },
} as const;

type Consumer = 'normalize' | keyof typeof messages;

/** The function that takes the input: copies for second endpoints are sent by drain. */
const functionOf = (name: Consumer): string => (name === 'shadow' ? 'drain' : name);

/** Give a function one input: a webhook, or a message. */
async function feed(stage: Stage, name: Consumer): Promise<void> {
  if (name === 'normalize') {
    const { url } = await webhookOf(stage);
    const { status } = await stage.github(url);
    if (status !== 200) throw new Error(`a webhook was answered ${status}`);
  } else await stage.send(messages[name].queue, messages[name].body);
}

let webhook: Promise<{ readonly id: string; readonly url: string }> | undefined;

/** The account whose webhooks the scenarios send. */
export function webhookOf(stage: Stage): Promise<{ readonly id: string; readonly url: string }> {
  webhook ??= stage.account('github', { tenant: 'game', id: 'acc_game' });
  return webhook;
}

const kill = (stage: Stage, names: readonly string[]) =>
  stage.faults.begin(({ caller }) => (names.includes(caller) ? { kind: 'killed' } : undefined));

/** Invocations within five minutes that raise an alarm on errors, and one more. */
const failures = 6;

/** Functions that queues invoke die in the middle of their work: out of memory, or a fault of the code. */
const consumersDie: Scenario = {
  alarms: ['Normalize', 'Enrich', 'Poll', 'Deliver', 'Drain'].map((id) => `${id}/ErrorsAlarm`),
  async provoke(stage) {
    const names: readonly Consumer[] = ['normalize', 'enrich', 'poll', 'deliver', 'drain'];
    await webhookOf(stage);
    const end = kill(stage, names);
    await Promise.all(
      names.map(async (name) => {
        for (let failure = 0; failure < failures; failure += 1) {
          const before = stage.failed(name);
          await feed(stage, name);
          await waitUntil(() => stage.failed(name) > before, `${name} fails`);
        }
      }),
    );
    return end;
  },
};

/** The functions behind the HTTP API die: callers get a 5xx. */
const serversDie: Scenario = {
  alarms: ['Ingress/ErrorsAlarm', 'Api/ErrorsAlarm', 'HttpApi/ServerErrorsAlarm'],
  async provoke(stage) {
    const { url } = await webhookOf(stage);
    const end = kill(stage, ['ingress', 'api']);
    for (let failure = 0; failure < failures; failure += 1) {
      const answers = await Promise.all([stage.github(url), stage.call('GET', '/v1/accounts?tenant=game')]);
      for (const { status } of answers) if (status < 500) throw new Error(`expected a 5xx, got ${status}`);
    }
    return end;
  },
};

/** DynamoDB cannot be reached by dispatch. */
const dispatchFails: Scenario = {
  alarms: ['Dispatch/ErrorsAlarm'],
  async provoke(stage) {
    const end = stage.faults.begin(({ caller }) => (caller === 'dispatch' ? { kind: 'refused' } : undefined));
    await stage.pass(5);
    return end;
  },
};

/** A person has disabled the rule that starts dispatch. */
const dispatchRests: Scenario = {
  alarms: ['DispatchSchedule/SilentAlarm'],
  async provoke({ engine }) {
    engine.enableSchedules(false);
    return () => engine.enableSchedules(true);
  },
};

const consumers: readonly Consumer[] = ['normalize', ...(Object.keys(messages) as (keyof typeof messages)[])];

/**
 * No function that a queue invokes can reach its tables, until its messages have failed eight times. Drain dies over it:
 * it tries a copy for a second endpoint only once, whatever fails.
 */
const deadLetters: Scenario = {
  alarms: ['Raw', 'Enrich', 'Poll', 'Delivery', 'Drain', 'Shadow', 'Governance'].map(
    (id) => `${id}Queue/DeadLettersAlarm`,
  ),
  stepMinutes: 10,
  async provoke(stage) {
    await webhookOf(stage);
    const end = stage.faults.begin(({ caller, service }) =>
      service === 'dynamodb' && consumers.map(functionOf).includes(caller)
        ? { kind: caller === 'drain' ? 'killed' : 'refused' }
        : undefined,
    );
    for (const name of consumers) await feed(stage, name);
    return end;
  },
  placeholders: async ({ engine, subscriber }) => ({
    integration: 'github',
    id: 'acc_game',
    'begin, ISO time': new Date(engine.now() - 86_400_000).toISOString(),
    'end, ISO time': new Date(engine.now()).toISOString(),
    subscription: (await subscriber({ tenant: 'game' })).id,
  }),
};

/** The pollers of Lambda get no messages: the concurrency of the account is used up by others. */
const stuck: Scenario = {
  alarms: ['Raw', 'Enrich', 'Poll', 'Delivery', 'Drain', 'Shadow'].map((id) => `${id}Queue/StuckAlarm`),
  async provoke(stage) {
    const names = consumers.filter((name) => name !== 'govern');
    const end = stopReceiving(stage);
    // The receive that is open has passed already: it takes one message more.
    const wanted = [...Map.groupBy(names, functionOf)].map(
      ([name, own]) => [name, stage.invoked(name) + own.length] as const,
    );
    await Promise.all(names.map((name) => feed(stage, name)));
    for (const [name, count] of wanted)
      await waitUntil(() => stage.invoked(name) >= count, `${name} takes the last messages`);
    for (const name of names) await feed(stage, name);
    await stage.goOn(26);
    return end;
  },
};

export function stopReceiving({ faults }: Stage, queue = ''): () => void {
  return faults.begin(({ caller, operation, resource }) =>
    caller === 'poller' && operation === 'ReceiveMessage' && resource.includes(queue) ? { kind: 'refused' } : undefined,
  );
}

/** A queue outside of the stack sends the messages of normalize back to it. */
const recursion: Scenario = {
  alarms: ['RecursionAlarm'],
  async provoke({ engine, sqs, queueUrl }) {
    const normalize = engine.resources.find(({ path }) => path === 'Normalize/Function');
    const own = createHash('sha256').update(String(normalize?.arn)).digest('hex').slice(0, 8);
    const command = new SendMessageCommand({ QueueUrl: queueUrl('RawQueue/Queue'), MessageBody: '{}' });
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { readonly headers: Record<string, string> };
        headers['x-amzn-trace-id'] = `Root=1-0-0;Sampled=0;Lineage=${own}:16`;
        return next(args);
      },
      { step: 'build', name: 'traceChain' },
    );
    await sqs.send(command);
    return () => sqs.send(new PurgeQueueCommand({ QueueUrl: queueUrl('RawQueue/Queue') }));
  },
};

export const functionScenarios: readonly Scenario[] = [
  consumersDie,
  serversDie,
  dispatchFails,
  dispatchRests,
  deadLetters,
  stuck,
  recursion,
];
