import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAwsCallbackClient } from '../../lambdas/adapters/aws/destinations/aws-callback-client.ts';
import { systemClock } from '../../lambdas/adapters/node/system-clock.ts';
import type { AwsDestination } from '../../lambdas/contracts/aws-destination.ts';
import type { CallbackOutcome } from '../../lambdas/engine/delivery/callback-outcome.ts';
import type { CallbackRequest } from '../../lambdas/ports/delivery/callback-client.ts';
import { type AwsAnswer, type AwsRequest, type AwsStandIn, startAwsStandIn } from './aws-stand-in.ts';

const role = { role_arn: 'arn:aws:iam::222222222222:role/tributary-events', external_id: 'tributary-0123' };
const sqs: AwsDestination = {
  type: 'sqs',
  queue_url: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders',
  ...role,
};
const bus: AwsDestination = {
  type: 'eventbridge',
  bus_arn: 'arn:aws:events:eu-west-1:222222222222:event-bus/orders',
  source: 'tributary',
  ...role,
};
const stream: AwsDestination = {
  type: 'kinesis',
  stream_arn: 'arn:aws:kinesis:eu-west-1:222222222222:stream/orders',
  ...role,
};
const own = { accessKeyId: 'ASIAOWN', secretAccessKey: 'own secret', sessionToken: 'own session' };
const assumed = { accessKeyId: 'ASIAASSUMED', secretAccessKey: 'assumed/secret+', sessionToken: 'assumed session==' };

let aws: AwsStandIn;
let nowMs: number;
/** The answer to AssumeRole. */
let onAssume: (request: AwsRequest) => AwsAnswer;
/** The answer to DescribeEventBus. */
let onDescribe: (request: AwsRequest) => AwsAnswer;
/** The answer to a message. */
let onMessage: (request: AwsRequest) => AwsAnswer;

const credentialsFor = (seconds: number): AwsAnswer => ({
  status: 200,
  body: `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>${assumed.accessKeyId}</AccessKeyId><SecretAccessKey>${assumed.secretAccessKey}</SecretAccessKey><SessionToken>${assumed.sessionToken}</SessionToken><Expiration>${new Date(nowMs + seconds * 1000).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
});

beforeEach(async () => {
  nowMs = Date.parse('2026-11-30T00:00:00Z');
  aws = await startAwsStandIn();
  aws.known.set(own.accessKeyId, own).set(assumed.accessKeyId, assumed);
  onAssume = () => credentialsFor(3600);
  onMessage = () => ({ status: 200, body: JSON.stringify({ Entries: [{ EventId: 'e' }] }) });
  onDescribe = () => ({ status: 200, body: JSON.stringify({ Name: 'orders' }) });
  aws.answerWith((request) => {
    if (request.service === 'sts') return onAssume(request);
    return isDescription(request) ? onDescribe(request) : onMessage(request);
  });
});

afterEach(() => aws.stop());

function createClient() {
  return createAwsCallbackClient(
    { ...systemClock, nowMs: () => nowMs },
    {
      credentials: async () => own,
      region: 'us-east-1',
      endpoint: aws.endpoint,
      endpoints: { sqs: aws.endpoint, events: aws.endpoint, kinesis: aws.endpoint },
    },
  );
}

function request(destination: AwsDestination, change: Partial<CallbackRequest> = {}): CallbackRequest {
  return {
    url: 'ignored',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Tributary/1',
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1790000000',
      'webhook-signature': 'v1,abc',
    },
    body: '{"id":"evt_1","text":"ü"}',
    message: {
      destination,
      labels: {
        subscription: 'sub_1',
        type: 'record:created',
        time: '2026-11-29T00:00:00.500Z',
        key: 'k'.repeat(43),
        isReplay: false,
      },
    },
    ...change,
  };
}

const isDescription = ({ target }: AwsRequest) => target === 'AWSEvents.DescribeEventBus';
const descriptions = () => aws.requests.filter(isDescription);
const messages = () => aws.requests.filter((one) => one.service !== 'sts' && !isDescription(one));
const assumptions = () => aws.requests.filter(({ service }) => service === 'sts');
const bodyOf = (one: AwsRequest | undefined) => JSON.parse(one?.body ?? '');
const refusal = (type: string, message: string, status = 400): AwsAnswer => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message }),
});

describe('the role', () => {
  test('is assumed with the external id, for one action on one destination', async () => {
    await createClient().post(request(sqs));
    const [assumption] = assumptions();
    expect(assumption).toMatchObject({ region: 'us-east-1', credentials: own });
    const { Policy: policy, ...parameters } = Object.fromEntries(new URLSearchParams(assumption?.body));
    expect(parameters).toEqual({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: role.role_arn,
      RoleSessionName: 'tributary-sub_1',
      ExternalId: 'tributary-0123',
      DurationSeconds: '3600',
    });
    expect(JSON.parse(policy ?? '').Statement).toEqual([
      { Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: 'arn:aws:sqs:eu-west-1:222222222222:orders' },
      {
        Effect: 'Allow',
        Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
        Resource: '*',
        Condition: { StringEquals: { 'kms:ViaService': 'sqs.eu-west-1.amazonaws.com' } },
      },
    ]);
    expect(messages()).toMatchObject([{ region: 'eu-west-1', service: 'sqs', credentials: assumed }]);
  });

  test('is assumed once for concurrent and later messages, and again some minutes before its end', async () => {
    const client = createClient();
    await Promise.all([client.post(request(sqs)), client.post(request(sqs))]);
    nowMs += 3_299_000;
    await client.post(request(sqs));
    expect([assumptions().length, messages().length]).toEqual([1, 3]);
    nowMs += 2_000;
    await client.post(request(sqs));
    expect(assumptions()).toHaveLength(2);
  });

  test('is not shared between subscriptions, external ids and destinations', async () => {
    const client = createClient();
    await client.post(request(sqs));
    await client.post(request({ ...sqs, external_id: 'tributary-other' }));
    await client.post(request({ ...sqs, queue_url: `${sqs.type === 'sqs' ? sqs.queue_url : ''}2` }));
    const { message } = request(sqs);
    if (message === undefined) throw new Error('no message');
    await client.post(request(sqs, { message: { ...message, labels: { ...message.labels, subscription: 'sub_2' } } }));
    expect(assumptions()).toHaveLength(4);
  });

  test('fails the attempt when it is refused, and is not asked for again for some seconds', async () => {
    onAssume = () => ({
      status: 403,
      body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::111111111111:assumed-role/own/fn may not</Message></Error></ErrorResponse>',
    });
    const client = createClient();
    const outcome = await client.post(request(sqs));
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: expect.stringContaining('STS answered AccessDenied; the trust policy of the role must name'),
    });
    expect(JSON.stringify(outcome)).not.toContain('111111111111');
    await client.post(request(sqs));
    expect(assumptions()).toHaveLength(1);
    nowMs += 5_000;
    onAssume = () => credentialsFor(3600);
    expect(await client.post(request(sqs))).toMatchObject({ kind: 'answered', status: 200 });
  });

  test.each(['<html>busy</html>', '<AssumeRoleResponse/>'])('fails the attempt when STS answers %s', async (body) => {
    onAssume = () => ({ status: body.includes('html') ? 503 : 200, body });
    expect(await createClient().post(request(sqs))).toMatchObject({ kind: 'failed' });
    expect(messages()).toEqual([]);
  });

  test('is assumed again after AWS refused its credentials', async () => {
    const client = createClient();
    onMessage = () => refusal('ExpiredTokenException', 'The security token is expired');
    expect(await client.post(request(sqs))).toMatchObject({ status: 403 });
    onMessage = () => ({ status: 200, body: '{}' });
    await client.post(request(sqs));
    expect(assumptions()).toHaveLength(2);
  });
});

describe('messages', () => {
  test('to a queue carry the body as it is signed, and the headers as attributes', async () => {
    expect(await createClient().post(request(sqs))).toMatchObject({ kind: 'answered', status: 200, response: '' });
    expect(messages()[0]?.target).toBe('AmazonSQS.SendMessage');
    expect(bodyOf(messages()[0])).toEqual({
      QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders',
      MessageBody: '{"id":"evt_1","text":"ü"}',
      MessageAttributes: {
        'webhook-id': { DataType: 'String', StringValue: 'evt_1' },
        'webhook-timestamp': { DataType: 'String', StringValue: '1790000000' },
        'webhook-signature': { DataType: 'String', StringValue: 'v1,abc' },
        'content-type': { DataType: 'String', StringValue: 'application/json' },
      },
    });
  });

  test('to a queue have at most ten attributes, the signed ones first', async () => {
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`x-${index}`, 'v']));
    await createClient().post(request(sqs, { headers: { ...many, ...request(sqs).headers, empty: '' } }));
    const names = Object.keys(bodyOf(messages()[0]).MessageAttributes);
    expect(names).toHaveLength(10);
    expect(names.slice(0, 3)).toEqual(['webhook-id', 'webhook-timestamp', 'webhook-signature']);
  });

  test('to a FIFO queue have the group of their record; a replay has an id of its own', async () => {
    const fifo: AwsDestination = { ...sqs, queue_url: `${sqs.type === 'sqs' ? sqs.queue_url : ''}.fifo` };
    const { message } = request(fifo);
    if (message === undefined) throw new Error('no message');
    const client = createClient();
    await client.post(request(fifo));
    await client.post(request(fifo, { message: { ...message, labels: { ...message.labels, isReplay: true } } }));
    const [first, replayed] = messages().map(bodyOf);
    expect([first.MessageGroupId, replayed.MessageGroupId]).toEqual(['k'.repeat(43), 'k'.repeat(43)]);
    expect(replayed.MessageDeduplicationId).not.toBe(first.MessageDeduplicationId);
  });

  test('of two subscriptions to one FIFO queue are no repetitions; those of a repeated attempt are', async () => {
    const fifo: AwsDestination = { ...sqs, queue_url: `${sqs.type === 'sqs' ? sqs.queue_url : ''}.fifo` };
    const from = (subscription: string, headers: Record<string, string> = {}) => {
      const one = request(fifo);
      if (one.message === undefined) throw new Error('no message');
      const message = { ...one.message, labels: { ...one.message.labels, subscription } };
      return { ...one, headers: { ...one.headers, ...headers }, message };
    };
    const client = createClient();
    await client.post(from('sub_1'));
    await client.post(from('sub_1', { 'webhook-timestamp': '1790000060', 'webhook-signature': 'v1,def' }));
    await client.post(from('sub_2'));
    await client.post(from(`sub_${'x'.repeat(60)}`, { 'webhook-id': 'e'.repeat(128) }));
    const ids = messages().map((one) => bodyOf(one).MessageDeduplicationId as string);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    for (const id of ids) expect(id).toMatch(/^[\w-]{1,128}$/);
  });

  test('to a bus are events with the body as detail, without the signature', async () => {
    await createClient().post(request(bus));
    const [entry] = bodyOf(messages()[0]).Entries;
    expect(entry).toMatchObject({
      EventBusName: 'arn:aws:events:eu-west-1:222222222222:event-bus/orders',
      Source: 'tributary',
      DetailType: 'record:created',
      Time: Date.parse('2026-11-29T00:00:00.500Z') / 1000,
    });
    expect(JSON.parse(entry.Detail)).toEqual({
      id: 'evt_1',
      text: 'ü',
      tributary: { 'content-type': 'application/json', 'webhook-id': 'evt_1', 'webhook-timestamp': '1790000000' },
    });
  });

  test('to a stream are records with headers and body', async () => {
    await createClient().post(request(stream));
    const { StreamARN, PartitionKey, Data } = bodyOf(messages()[0]);
    expect([StreamARN, PartitionKey]).toEqual(['arn:aws:kinesis:eu-west-1:222222222222:stream/orders', 'k'.repeat(43)]);
    expect(Buffer.from(Data, 'base64').toString()).toBe(
      '{"headers":{"content-type":"application/json","webhook-id":"evt_1","webhook-timestamp":"1790000000","webhook-signature":"v1,abc"},"body":{"id":"evt_1","text":"ü"}}',
    );
  });

  test.each([
    ['sqs', sqs, 1_048_576],
    ['eventbridge', bus, 1_048_576],
    ['kinesis', stream, 10_485_760],
  ] as const)('are not sent when they are too large for %s', async (_, destination, bytes) => {
    const outcome = await createClient().post(request(destination, { body: `{"text":"${'x'.repeat(bytes)}"}` }));
    expect(outcome).toMatchObject({ kind: 'failed', isOwn: true, isTooLarge: true });
    expect(aws.requests).toEqual([]);
  });

  test('are not sent to a bus when their own member `tributary` would be lost', async () => {
    for (const body of ['{"tributary":{"mine":1}}', '{"id":"evt_1","tributary":null}']) {
      const outcome = await createClient().post(request(bus, { body }));
      expect(outcome).toMatchObject({ kind: 'failed', isOwn: true, error: expect.stringContaining('`tributary`') });
      expect(outcome).not.toHaveProperty('isTooLarge');
    }
    expect(aws.requests).toEqual([]);
  });

  test('are not sent to a bus when they are no object', async () => {
    for (const body of ['"text"', '[1]', 'null']) {
      const outcome = await createClient().post(request(bus, { body }));
      expect(outcome).toMatchObject({ kind: 'failed', isOwn: true, error: expect.stringContaining('no JSON object') });
      expect(outcome).not.toHaveProperty('isTooLarge');
    }
  });
});

// PutEvents answers for a bus that does not exist as for any other: https://github.com/aws/aws-cli/issues/9186
describe('an event bus', () => {
  const refusedBus = (type: string, message = 'because'): AwsAnswer => ({
    status: 400,
    body: JSON.stringify({ __type: type, message }),
  });
  const absent = refusedBus('ResourceNotFoundException', 'Event bus orders does not exist.');

  test('that does not exist gets no message, and gets them seconds after it was created', async () => {
    onDescribe = () => absent;
    const client = createClient();
    for (const _ of [1, 2])
      expect(await client.post(request(bus))).toMatchObject({
        kind: 'answered',
        status: 404,
        response: 'ResourceNotFoundException: Event bus orders does not exist.',
      });
    expect([descriptions().length, messages().length]).toEqual([1, 0]);
    onDescribe = () => ({ status: 200, body: '{}' });
    nowMs += 5_000;
    expect(await client.post(request(bus))).toMatchObject({ kind: 'answered', status: 200 });
  });

  test('is looked up with the role, once for concurrent and later messages', async () => {
    const client = createClient();
    await Promise.all([client.post(request(bus)), client.post(request(bus))]);
    await client.post(request(bus));
    expect([descriptions().length, messages().length]).toEqual([1, 3]);
    expect(descriptions()).toMatchObject([{ region: 'eu-west-1', service: 'events', credentials: assumed }]);
    expect(bodyOf(descriptions()[0])).toEqual({ Name: 'arn:aws:events:eu-west-1:222222222222:event-bus/orders' });
    const { Policy: policy = '' } = Object.fromEntries(new URLSearchParams(assumptions()[0]?.body));
    expect(JSON.parse(policy).Statement).toEqual([
      {
        Effect: 'Allow',
        Action: ['events:PutEvents', 'events:DescribeEventBus'],
        Resource: 'arn:aws:events:eu-west-1:222222222222:event-bus/orders',
      },
    ]);
  });

  test('that was deleted is noticed within a minute', async () => {
    const client = createClient();
    await client.post(request(bus));
    onDescribe = () => absent;
    nowMs += 59_000;
    expect(await client.post(request(bus))).toMatchObject({ status: 200 });
    nowMs += 1_000;
    expect(await client.post(request(bus))).toMatchObject({ status: 404 });
  });

  test.each([
    ['the role may not look it up', refusedBus('AccessDeniedException'), 60_000],
    ['AWS asks for fewer calls', refusedBus('ThrottlingException'), 5_000],
    ['AWS has a fault', { status: 500, body: '<html>' }, 5_000],
  ])('gets its messages when %s', async (_, answer, rememberedMs) => {
    onDescribe = () => answer;
    const client = createClient();
    expect(await client.post(request(bus))).toMatchObject({ kind: 'answered', status: 200 });
    nowMs += rememberedMs - 1;
    await client.post(request(bus));
    expect(descriptions()).toHaveLength(1);
    nowMs += 1;
    await client.post(request(bus));
    expect([descriptions().length, messages().length]).toEqual([2, 3]);
  });

  test('is alone in being looked up', async () => {
    const client = createClient();
    await client.post(request(sqs));
    await client.post(request(stream));
    expect([descriptions().length, messages().length]).toEqual([0, 2]);
  });
});

describe('refusals', () => {
  const statusAfter = async (destination: AwsDestination, answer: AwsAnswer): Promise<CallbackOutcome> => {
    onMessage = () => answer;
    return createClient().post(request(destination));
  };

  test.each([
    ['RequestThrottled', 400, 429],
    ['ThrottlingException', 400, 429],
    ['ProvisionedThroughputExceededException', 400, 429],
    ['KmsThrottled', 400, 429],
    ['KMSThrottlingException', 400, 429],
    ['AccessDeniedException', 400, 403],
    ['KmsAccessDenied', 400, 403],
    ['KMSAccessDeniedException', 400, 403],
    ['QueueDoesNotExist', 400, 404],
    ['ResourceNotFoundException', 400, 404],
    ['KmsDisabled', 400, 400],
    ['InvalidMessageContents', 400, 400],
    ['InternalFailure', 500, 503],
    ['ServiceUnavailable', 503, 503],
  ])('%s with status %i is %i', async (type, httpStatus, status) => {
    expect(await statusAfter(sqs, refusal(type, 'because', httpStatus))).toMatchObject({
      kind: 'answered',
      status,
      response: `${type}: because`,
    });
  });

  test.each([
    [
      'a queue that takes less',
      sqs,
      refusal(
        'InvalidParameterValue',
        'One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.',
      ),
    ],
    [
      'a stream that takes less',
      stream,
      refusal(
        'ValidationException',
        "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
      ),
    ],
    ['a stream that counts the key', stream, refusal('InvalidArgumentException', 'Record size exceeds 1 MB limit')],
    ['a bus', bus, refusal('ValidationException', 'Total size of the entries in the request is over the limit.')],
    ['any of them', sqs, { status: 413, body: 'Request Entity Too Large' }],
  ])('of a size by %s are not tried again', async (_, destination, answer) => {
    const outcome = await statusAfter(destination, answer);
    expect(outcome).toMatchObject({ kind: 'failed', isOwn: true, isTooLarge: true, error: expect.any(String) });
  });

  test.each([
    ['InvalidParameterValue', 'One or more parameters are invalid. Reason: Message must be longer than 1 byte.'],
    [
      'ValidationException',
      "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256",
    ],
    ['KmsInvalidState', 'Message must be shorter than 1024 bytes'],
  ])('of another kind are: %s, %s', async (type, message) => {
    expect(await statusAfter(stream, refusal(type, message))).toMatchObject({ kind: 'answered', status: 400 });
  });

  test('a bus refuses an entry within an answer of status 200', async () => {
    const entry = (one: object) => ({ status: 200, body: JSON.stringify({ FailedEntryCount: 1, Entries: [one] }) });
    expect(await statusAfter(bus, entry({ ErrorCode: 'ThrottlingException', ErrorMessage: 'slow' }))).toMatchObject({
      status: 429,
      response: 'ThrottlingException: slow',
    });
    expect(await statusAfter(bus, entry({ ErrorCode: 'InternalFailure', ErrorMessage: '' }))).toMatchObject({
      status: 503,
    });
    expect(await statusAfter(bus, { status: 200, body: 'nonsense' })).toMatchObject({ status: 400 });
  });

  test('an answer that is no JSON is an error of its status', async () => {
    expect(await statusAfter(sqs, { status: 502, body: '<html>' })).toMatchObject({ status: 503 });
  });

  test('no answer within the time fails, and a late one is given up if another run waits', async () => {
    onMessage = () => ({ status: 200, body: '{}', delayMs: 5_000 });
    const client = createClient();
    expect(await client.post(request(sqs, { timeoutMs: 100 }))).toMatchObject({
      kind: 'failed',
      error: 'no answer within 0.1 s',
    });
    const late = { afterMs: 50, waitsOn: async () => false };
    expect(await client.post(request(sqs, { late }))).toMatchObject({ kind: 'failed', isAbandoned: true });
  });

  test('credentials never appear in an outcome', async () => {
    const outcomes = [
      await statusAfter(sqs, refusal('AccessDeniedException', 'no')),
      await createClient().post(request(sqs, { timeoutMs: 1 })),
    ];
    for (const secret of [own.secretAccessKey, own.sessionToken, assumed.secretAccessKey, assumed.sessionToken])
      expect(JSON.stringify(outcomes)).not.toContain(secret);
  });
});
