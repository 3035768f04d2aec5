import {
  DescribeEventBusCommand,
  EventBridgeClient,
  ListRulesCommand,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EventBus, startEventBus } from '../../../../lib/local/emulators/event-bus.ts';

const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
let bus: EventBus;
let client: EventBridgeClient;
beforeAll(async () => {
  bus = await startEventBus(() => nowMs);
  client = clientOf('local');
  bus.createBus(arnOf('own'));
});
afterAll(async () => {
  client.destroy();
  await bus.stop();
});

const arnOf = (name: string) => `arn:aws:events:us-east-1:000000000000:event-bus/${name}`;
const clientOf = (accessKeyId: string) =>
  new EventBridgeClient({
    endpoint: bus.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: 'x' },
    maxAttempts: 1,
  });
const entry = { Source: 'tributary', DetailType: 'subscription.disabled', Detail: '{"url":"https://a.example/ü"}' };

test('keeps the events with the time of its clock, and judges each entry on its own', async () => {
  const answer = await client.send(
    new PutEventsCommand({
      Entries: [
        entry,
        { ...entry, Detail: '[]' },
        { ...entry, Detail: '{' },
        { Source: 'tributary', Detail: '{}' },
        { ...entry, EventBusName: 'own' },
      ],
    }),
  );
  expect(answer.FailedEntryCount).toBe(3);
  expect(answer.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
    undefined,
    'MalformedDetail',
    'MalformedDetail',
    'InvalidArgument',
    undefined,
  ]);
  expect(bus.events()).toEqual(
    ['default', 'own'].map((name, index) => ({
      id: answer.Entries?.[index * 4]?.EventId,
      bus: name,
      source: 'tributary',
      detailType: 'subscription.disabled',
      detail: { url: 'https://a.example/ü' },
      time: '2026-11-21T12:00:00.000Z',
    })),
  );
});

test('accepts events for a bus that does not exist, as EventBridge does, and loses them', async () => {
  const before = bus.events();
  const Entries = [{ ...entry, EventBusName: 'gone' }];
  const answer = await client.send(new PutEventsCommand({ Entries }));
  expect(answer).toMatchObject({ FailedEntryCount: 0, Entries: [{ EventId: expect.any(String) }] });
  expect(bus.events()).toEqual(before);
});

test('describes the buses that exist, by name and by ARN', async () => {
  for (const Name of ['own', arnOf('own')])
    expect(await client.send(new DescribeEventBusCommand({ Name }))).toMatchObject({ Name: 'own', Arn: arnOf('own') });
  expect(await client.send(new DescribeEventBusCommand({}))).toMatchObject({ Name: 'default' });
  const theirs = 'arn:aws:events:eu-west-1:222222222222:event-bus';
  expect(await client.send(new DescribeEventBusCommand({ Name: `${theirs}/default` }))).toMatchObject({
    Arn: `${theirs}/default`,
  });
  for (const Name of ['gone', `${theirs}/own`])
    await expect(client.send(new DescribeEventBusCommand({ Name }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Event bus ${Name.split('/').at(-1)} does not exist.`,
    });
});

test('fails when there are too many entries, or the operation is unknown', async () => {
  const before = bus.events();
  for (const Entries of [Array.from({ length: 11 }, () => entry), []])
    await expect(client.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(client.send(new ListRulesCommand())).rejects.toMatchObject({ name: 'UnknownOperationException' });
  expect((await fetch(bus.endpoint)).status).toBe(400);
  expect(bus.events()).toEqual(before);
});

test('fails when a caller may not put events, or is unknown', async () => {
  const arn = 'arn:aws:sts::000000000000:assumed-role/Role/F';
  const statement = { effect: 'Allow', actions: ['events:PutEvents'], resources: ['*:event-bus/own'] } as const;
  bus.enforce({
    ownAccessKeyId: 'local',
    callers: [{ accessKeyId: 'ASIAF', arn, statements: [statement] }],
    keyByResource: {},
  });
  const caller = clientOf('ASIAF');
  const stranger = clientOf('AKIANOBODY');
  const before = bus.events().length;
  await caller.send(new PutEventsCommand({ Entries: [{ ...entry, EventBusName: 'own' }] }));
  await client.send(new PutEventsCommand({ Entries: [entry] }));
  expect(bus.events()).toHaveLength(before + 2);
  await expect(caller.send(new PutEventsCommand({ Entries: [entry] }))).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining(`${arn} is not authorized to perform: events:PutEvents on resource: `) as string,
  });
  await expect(stranger.send(new PutEventsCommand({ Entries: [entry] }))).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  });
  expect(bus.events()).toHaveLength(before + 2);
  for (const one of [caller, stranger]) one.destroy();
});
