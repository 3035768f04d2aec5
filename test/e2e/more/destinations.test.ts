import {
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import type { JudgeCall } from '../../../lib/local/faults/call-gate.ts';
import type { Statement } from '../../../lib/local/iam/may-call.ts';
import { useRunningEngine } from '../running-engine.ts';

let judge: JudgeCall = () => undefined;
const running = useRunningEngine(undefined, () => ({ judgeCall: (call) => judge(call) }));
const region = 'eu-west-1';
const accountId = '222222222222';
const roleArn = `arn:aws:iam::${accountId}:role/tributary-events`;
const allow = (action: string, resource: string): Statement => ({
  effect: 'Allow',
  actions: [action],
  resources: [resource],
});

/** A queue in the subscriber's account. */
async function createQueue(name: string, attributes: Record<string, string> = {}) {
  const sqs = new SQSClient({ ...running().engine.clientConfig('sqs'), region });
  const { QueueUrl: url = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  const received: Message[] = [];
  return {
    url: `https://sqs.${region}.amazonaws.com/${accountId}/${name}`,
    arn: `arn:aws:sqs:${region}:${accountId}:${name}`,
    received,
    /** Receive what is there. @returns All messages so far. */
    async read(): Promise<readonly Message[]> {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['All'],
        }),
      );
      // A FIFO queue holds the rest of a group back until then.
      for (const { ReceiptHandle } of Messages)
        await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
      received.push(...Messages);
      return received;
    },
  };
}

async function subscribe(tenant: string, destination: object, options: object = {}) {
  const { call } = running();
  const answer = await call('POST', '/v1/subscriptions', { tenant, destination, ...options });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

function headersOf({ MessageAttributes = {} }: Message): Record<string, string> {
  return Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue = '' }]) => [name, StringValue]),
  );
}

const verified = (secret: string, body: string, headers: Record<string, string>) =>
  running().verify(new Webhook(secret), { body, headers });

const deliveriesOf = async (id: string) =>
  (await running().call('GET', `/v1/subscriptions/${id}/deliveries`)).body.data as readonly {
    readonly state: string;
    readonly exhausted_by: string | null;
    readonly attempts: readonly {
      readonly status: number | null;
      readonly error: string | null;
      readonly response: string | null;
    }[];
  }[];

test('a queue in another account gets signed messages, once its role trusts the external id', async () => {
  const { account, github, engine, eventually, call } = running();
  const queue = await createQueue('orders');
  const { url } = await account('github', { tenant: 'queued' });
  const subscription = await subscribe('queued', { type: 'sqs', queue_url: queue.url, role_arn: roleArn });
  expect(subscription).toMatchObject({
    url: queue.url,
    destination: {
      type: 'sqs',
      queue_url: queue.url,
      role_arn: roleArn,
      external_id: expect.stringMatching(/^tributary-[0-9a-f]{32}$/),
      principal: 'arn:aws:iam::000000000000:root',
    },
  });

  await github(url, { issue: 1 });
  await eventually(async () => ((await deliveriesOf(subscription.id))[0]?.attempts.length ?? 0) > 0);
  const [refused] = await deliveriesOf(subscription.id);
  expect(refused?.attempts[0]).toMatchObject({
    status: null,
    error: `the role ${roleArn} was not assumed: STS answered AccessDenied; the trust policy of the role must name the principal and the external id of the subscription`,
  });
  expect(await queue.read()).toEqual([]);

  engine.subscribers.createRole({
    arn: roleArn,
    externalId: subscription.destination.external_id,
    statements: [allow('sqs:SendMessage', queue.arn)],
  });
  await eventually(async () => (await queue.read()).length === 1);
  const [message] = queue.received as [Message];
  const headers = headersOf(message);
  const event = verified(subscription.secret, message.Body ?? '', headers) as { id: string };
  expect(headers).toMatchObject({ 'webhook-id': event.id, 'content-type': 'application/json' });
  expect(event).toMatchObject({ type: 'record:created', record_id: '1', tenant: 'queued' });

  // A replay sends it again, with the same id.
  const replayed = await call('POST', `/v1/subscriptions/${subscription.id}/replay`, { event: event.id });
  expect(replayed.status, JSON.stringify(replayed.body)).toBeLessThan(300);
  await eventually(async () => (await queue.read()).length === 2);
  expect(headersOf(queue.received[1] as Message)).toMatchObject({ 'webhook-id': event.id, 'tributary-replay': 'true' });
});

/** A role of the subscriber's account that trusts a subscription. */
function trust(subscription: { destination: { role_arn: string; external_id: string } }, ...statements: Statement[]) {
  const { role_arn: arn, external_id: externalId } = subscription.destination;
  running().engine.subscribers.createRole({ arn, externalId, statements });
}

test('an event bus gets the event as detail, and a stream gets records whose signature can be verified', async () => {
  const { account, github, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'bused' });
  const busArn = `arn:aws:events:${region}:${accountId}:event-bus/orders`;
  const streamArn = `arn:aws:kinesis:${region}:${accountId}:stream/orders`;
  const role = (name: string) => `arn:aws:iam::${accountId}:role/tributary-${name}`;
  const bus = await subscribe('bused', {
    type: 'eventbridge',
    bus_arn: busArn,
    role_arn: role('bus'),
    source: 'tributary.bused',
  });
  const stream = await subscribe('bused', { type: 'kinesis', stream_arn: streamArn, role_arn: role('stream') });
  engine.subscribers.createBus(busArn);
  trust(bus, allow('events:PutEvents', busArn), allow('events:DescribeEventBus', busArn));
  trust(stream, allow('kinesis:PutRecord', streamArn));
  engine.subscribers.createStream(streamArn);
  await github(url, { issue: 2 });

  const busEvents = () => engine.busEvents().filter((one) => one.bus === busArn);
  await eventually(() => busEvents().length === 1 && engine.subscribers.records().length === 1);
  const detail = busEvents()[0]?.detail as { id: string; tributary: Record<string, string> };
  expect(busEvents()[0]).toMatchObject({ source: 'tributary.bused', detailType: 'record:created' });
  expect(detail).toMatchObject({ record_id: '2', tenant: 'bused', tributary: { 'webhook-id': detail.id } });
  expect(detail.tributary).not.toHaveProperty('webhook-signature');

  const [record] = engine.subscribers.records();
  const text = record?.data.toString() ?? '';
  const { headers, body } = JSON.parse(text) as { headers: Record<string, string>; body: { id: string } };
  expect(body.id).toBe(detail.id);
  expect(record?.partitionKey).toMatch(/^[\w-]{43}$/);
  // What docs/guides/deliver-to-aws.md says: the body as it is signed.
  expect(verified(stream.secret, text.slice(text.indexOf(',"body":') + 8, -1), headers)).toEqual(body);
});

test('an event bus that does not exist is a 404, and gets the event once it exists; a role that may only put events is enough', async () => {
  const { account, github, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'busless' });
  const busArn = `arn:aws:events:${region}:${accountId}:event-bus/late`;
  const to = (name: string) => ({
    type: 'eventbridge',
    bus_arn: busArn,
    role_arn: `arn:aws:iam::${accountId}:role/tributary-late-${name}`,
    source: name,
  });
  const careful = await subscribe('busless', to('careful'));
  trust(careful, allow('events:PutEvents', busArn), allow('events:DescribeEventBus', busArn));
  const events = () => engine.busEvents().filter((one) => one.bus === busArn);
  await github(url, { issue: 9 });
  await eventually(async () => ((await deliveriesOf(careful.id))[0]?.attempts.length ?? 0) > 0);
  expect((await deliveriesOf(careful.id))[0]?.attempts[0]).toMatchObject({
    status: 404,
    response: 'ResourceNotFoundException: Event bus late does not exist.',
  });
  engine.subscribers.createBus(busArn);
  await eventually(() => events().length === 1);
  expect((await deliveriesOf(careful.id))[0]?.state).toBe('delivered');

  const old = await subscribe('busless', to('old'));
  trust(old, allow('events:PutEvents', busArn));
  await github(url, { issue: 10 });
  await eventually(() => new Set(events().map(({ source }) => source)).size === 2);
});

test('an event that is larger than a stream takes is not tried again', async () => {
  const { account, github, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'streamed' });
  const streamArn = `arn:aws:kinesis:${region}:${accountId}:stream/usual`;
  const subscription = await subscribe('streamed', {
    type: 'kinesis',
    stream_arn: streamArn,
    role_arn: `${roleArn}-usual`,
  });
  engine.subscribers.createStream(streamArn);
  trust(subscription, allow('kinesis:PutRecord', streamArn));
  await github(url, { issue: 11, padding: 1_100_000 });
  await eventually(async () => (await deliveriesOf(subscription.id))[0]?.state === 'exhausted');
  expect(await deliveriesOf(subscription.id)).toMatchObject([{ exhausted_by: 'too-large', attempts: [{}] }]);
});

test('a FIFO queue gets the events of a record in one group, and drops an attempt that is repeated', async () => {
  const { account, github, eventually, call } = running();
  const queue = await createQueue('orders.fifo', { FifoQueue: 'true' });
  const { url } = await account('github', { tenant: 'fifo' });
  const subscription = await subscribe('fifo', { type: 'sqs', queue_url: queue.url, role_arn: `${roleArn}-fifo` });
  trust(subscription, allow('sqs:SendMessage', queue.arn));
  await github(url, { issue: 3 });
  await eventually(async () => (await queue.read()).length === 1);
  const [message] = queue.received as [Message];
  const id = headersOf(message)['webhook-id'];
  expect(message.Attributes).toMatchObject({
    MessageDeduplicationId: expect.stringMatching(/^[\w-]{43}$/),
    MessageGroupId: expect.stringMatching(/^[\w-]{43}$/),
  });
  // A replay is asked for by a person, and is no repetition.
  await call('POST', `/v1/subscriptions/${subscription.id}/replay`, { event: id });
  await eventually(async () => (await queue.read()).length === 2);
  expect(queue.received[1]?.Attributes?.['MessageGroupId']).toBe(message.Attributes?.['MessageGroupId']);
});

test('a throttled queue slows its subscription down, and gets every event', async () => {
  const { account, github, eventually } = running();
  const queue = await createQueue('slow');
  const { url } = await account('github', { tenant: 'slow' });
  const subscription = await subscribe('slow', { type: 'sqs', queue_url: queue.url, role_arn: `${roleArn}-slow` });
  trust(subscription, allow('sqs:SendMessage', queue.arn));
  let throttled = 0;
  judge = ({ operation, resource }) =>
    operation === 'SendMessage' && resource === 'slow' && (throttled += 1) <= 2 ? { kind: 'throttled' } : undefined;
  for (const issue of [4, 5, 6]) await github(url, { issue });
  await eventually(async () => new Set((await queue.read()).map((one) => headersOf(one)['webhook-id'])).size === 3);
  const attempts = (await deliveriesOf(subscription.id)).flatMap((delivery) => delivery.attempts);
  expect(attempts.filter(({ status }) => status === 429)).toHaveLength(2);
  expect(attempts.find(({ status }) => status === 429)?.response).toBe('RequestThrottled: Rate exceeded');
});

test('an event that is too large for a queue is not tried again, and stays in the feed', async () => {
  const { account, github, eventually, call } = running();
  const queue = await createQueue('small');
  const { url } = await account('github', { tenant: 'large' });
  const subscription = await subscribe('large', { type: 'sqs', queue_url: queue.url, role_arn: `${roleArn}-small` });
  trust(subscription, allow('sqs:SendMessage', queue.arn));
  await github(url, { issue: 7, padding: 1_100_000 });
  await eventually(async () => (await deliveriesOf(subscription.id))[0]?.state === 'exhausted');
  const [delivery] = await deliveriesOf(subscription.id);
  expect(delivery).toMatchObject({ exhausted_by: 'too-large', attempts: [{ status: null }] });
  expect(delivery?.attempts[0]?.error).toMatch(/^the message has 1\d{6} bytes, and a queue takes at most 1048576$/);
  expect((await call('GET', '/v1/events?tenant=large')).body.data).toHaveLength(1);
});

test('a test sends a message, and refuses what no queue can refuse', async () => {
  const { call } = running();
  const queue = await createQueue('tested');
  const subscription = await subscribe('tested', { type: 'sqs', queue_url: queue.url, role_arn: `${roleArn}-tested` });
  const test = (body: object) => call('POST', `/v1/subscriptions/${subscription.id}/test`, body);
  expect((await test({})).body).toMatchObject({
    passed: false,
    posts: [{ error: expect.stringContaining('not assumed') }],
  });
  trust(subscription, allow('sqs:SendMessage', queue.arn));
  // A refusal is remembered for some seconds.
  await running().engine.advanceClock(10_000);
  expect((await test({})).body).toMatchObject({ passed: true, posts: [{ status: 200 }] });
  expect(await queue.read()).toHaveLength(1);
  for (const simulate of ['bad-signature', 'old-timestamp', 'oversized'])
    expect(await test({ simulate })).toMatchObject({ status: 422, body: { errors: [{ path: 'simulate' }] } });
});

test('fails when a tenant names the role of another tenant, even with its queue', async () => {
  const { account, github, eventually, call, engine } = running();
  const queue = await createQueue('victim');
  const destination = { type: 'sqs', queue_url: queue.url, role_arn: `${roleArn}-victim` };
  const victim = await subscribe('victim', destination);
  trust(victim, allow('sqs:SendMessage', queue.arn));
  const { url } = await account('github', { tenant: 'mallory' });
  const mallory = await subscribe('mallory', destination);
  expect(mallory.destination.external_id).not.toBe(victim.destination.external_id);
  await github(url, { issue: 8 });
  await eventually(async () => ((await deliveriesOf(mallory.id))[0]?.attempts.length ?? 0) > 0);
  expect((await deliveriesOf(mallory.id))[0]?.attempts[0]?.error).toContain('STS answered AccessDenied');
  expect(await queue.read()).toEqual([]);

  const key = 'tk_mallory_secret-of-mallory';
  await seedApiKey(engine, key, 'mallory');
  const { external_id } = victim.destination;
  for (const member of [{ external_id }, { external_id, principal: 'arn:aws:iam::000000000000:root' }]) {
    const answer = await call(
      'PATCH',
      `/v1/subscriptions/${mallory.id}`,
      { destination: { ...destination, ...member } },
      key,
    );
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'destination' }] } });
  }
  for (const [method, body] of [
    ['GET', undefined],
    ['PATCH', { destination }],
  ] as const)
    expect((await call(method, `/v1/subscriptions/${victim.id}`, body, key)).status).toBe(404);
});

test.each([
  [
    'destination.role_arn',
    {
      role_arn: 'arn:aws:iam::000000000000:role/tributary-own',
      queue_url: `https://sqs.${region}.amazonaws.com/000000000000/q`,
    },
  ],
  ['destination.role_arn', { role_arn: 'arn:aws:iam::333333333333:role/tributary-events' }],
  ['destination.role_arn', { role_arn: `arn:aws:iam::${accountId}:role/admin` }],
  ['destination.queue_url', { queue_url: 'https://sqs.eu-west-1.amazonaws.com.evil.example/222222222222/orders' }],
  ['destination.queue_url', { queue_url: 'http://169.254.169.254/222222222222/orders' }],
  ['destination.queue_url', { queue_url: `https://user@sqs.${region}.amazonaws.com/${accountId}/orders` }],
  ['destination.queue_url', { queue_url: `https://sqs.${region}.amazonaws.com/${accountId}/../orders` }],
  ['destination.queue_url', { queue_url: `https://sqs.cn-north-1.amazonaws.com.cn/${accountId}/orders` }],
])('fails when %s is %o', async (path, members) => {
  const { call } = running();
  const destination = {
    type: 'sqs',
    queue_url: `https://sqs.${region}.amazonaws.com/${accountId}/orders`,
    role_arn: roleArn,
    ...members,
  };
  const answer = await call('POST', '/v1/subscriptions', { tenant: 'hostile', destination });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
});
