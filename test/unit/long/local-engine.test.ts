import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import type { FunctionLogLine } from '../../../lib/local/sandbox/function-log.ts';
import { type FixtureAssembly, httpApiTo, queueTo, writeFixtureAssembly } from '../local/fixture-assembly.ts';
import { until } from '../local/until.ts';

const web = `
export const handler = async (event, context) => {
  switch (event.rawPath) {
    case '/throw': throw new TypeError('broken');
    case '/exit': process.exit(3);
    case '/hang': await new Promise(() => {});
    case '/spin': for (;;);
    case '/huge': return 'x'.repeat(7 * 1024 * 1024);
    case '/header': return { statusCode: 200, headers: { 'x-bad': 'a\\nb' } };
    case '/env': return process.env;
    case '/time': return { now: Date.now(), date: new Date().getTime(), remaining: context.getRemainingTimeInMillis() };
    case '/metric':
      console.log(JSON.stringify({ _aws: { Timestamp: 1, CloudWatchMetrics: [{ Namespace: 'N', Dimensions: [[]], Metrics: [{ Name: 'seen' }] }] }, seen: 1 }));
      return {};
    default: return { size: event.body?.length ?? 0, base64: event.isBase64Encoded };
  }
};`;

// Handles a message as its body says; logs each receive.
const worker = `
export const handler = async ({ Records }) => {
  const failed = [];
  for (const { messageId, body, attributes } of Records) {
    console.log(body + ' ' + attributes.ApproximateReceiveCount);
    if (body.startsWith('hang') && attributes.ApproximateReceiveCount === '1') await new Promise(() => {});
    if (body.startsWith('fail')) failed.push({ itemIdentifier: messageId });
  }
  return { batchItemFailures: failed };
};`;

const ticker = `export const handler = async (event) => { console.log(event.time ?? 'input ' + event.x); };`;

let assembly: FixtureAssembly;
let engine: LocalEngine;
let sqs: SQSClient;
const lines: FunctionLogLine[] = [];

beforeAll(async () => {
  assembly = await writeFixtureAssembly(
    {
      Web: { code: web, properties: { Timeout: 1, Environment: { Variables: { QUEUE: { Ref: 'Queue' }, N: 1 } } } },
      Worker: { code: worker, properties: { Environment: { Variables: { DEAD: { Ref: 'DeadLetters' } } } } },
      Ticker: { code: ticker },
    },
    {
      ...httpApiTo('Web', ['ANY /{proxy+}']),
      ...queueTo('Worker'),
      Rule: {
        Type: 'AWS::Events::Rule',
        Properties: {
          ScheduleExpression: 'rate(1 hour)',
          Targets: [{ Id: 'a', Arn: { 'Fn::GetAtt': ['Ticker', 'Arn'] } }],
        },
      },
      RulePermission: {
        Type: 'AWS::Lambda::Permission',
        Properties: {
          Action: 'lambda:InvokeFunction',
          FunctionName: { Ref: 'Ticker' },
          Principal: 'events.amazonaws.com',
        },
      },
    },
  );
  process.env['TRIBUTARY_TEST_LEAK'] = 'leaked';
  engine = await startLocalEngine({
    ...assembly,
    port: 0,
    onLog: (line) => lines.push(line),
    // Other tests run in parallel, and these tests must not depend on the cores that they leave.
    machineLoad: { isBusy: () => false },
  });
  sqs = new SQSClient(engine.clientConfig('sqs'));
});

afterAll(async () => {
  sqs.destroy();
  await engine.stop();
  await assembly.remove();
});

const get = async (path: string, init?: RequestInit) => {
  const response = await fetch(engine.url + path, init);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};
const send = (body: string) =>
  sqs.send(new SendMessageCommand({ QueueUrl: engine.environment('web')['QUEUE'], MessageBody: body }));
const logged = (text: string) => lines.some((line) => line.text === text);
const problem = (status: number, title: string) => ({
  status,
  type: 'application/problem+json',
  text: expect.stringMatching(
    new RegExp(`^\\{"type":"about:blank","title":"${title}","status":${status},"detail":"[A-Z][^"]+\\."\\}$`),
  ) as string,
});

test('gives functions the environment of the template and of Lambda, nothing of this process', async () => {
  const environment = JSON.parse((await get('/env')).text) as Record<string, string>;
  expect(environment).toMatchObject({
    N: '1',
    QUEUE: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/000000000000\/Fixture-Queue$/) as string,
    AWS_LAMBDA_FUNCTION_NAME: 'Fixture-Web',
    AWS_REGION: 'us-east-1',
    LAMBDA_TASK_ROOT: expect.stringContaining('asset.Web') as string,
  });
  expect(environment).not.toHaveProperty('TRIBUTARY_TEST_LEAK');
  expect(environment).not.toHaveProperty('HOME');
});

test('answers a handler that throws with a problem, and logs why', async () => {
  expect(await get('/throw')).toEqual(problem(500, 'Internal Server Error'));
  expect(lines.some(({ stream, text }) => stream === 'runtime' && text.includes('"TypeError"'))).toBe(true);
});

test('answers a handler that exits, and one whose answer cannot be sent, with a problem', async () => {
  expect(await get('/huge')).toEqual(problem(500, 'Internal Server Error'));
  expect(await get('/exit')).toEqual(problem(500, 'Internal Server Error'));
  expect(await get('/header')).toEqual(problem(500, 'Internal Server Error'));
});

test.each(['/hang', '/spin'])('ends an invocation of %s at the timeout, and starts a new sandbox', async (path) => {
  expect(await get(path)).toEqual(problem(500, 'Internal Server Error'));
  expect(lines.some(({ text }) => text.includes('Task timed out after 1.00 seconds'))).toBe(true);
  expect((await get('/ok')).status).toBe(200);
});

test('answers a request that reaches no function with a problem', async () => {
  expect(await get('/')).toEqual(problem(404, 'Not Found'));
  expect(await get('/x', { method: 'POST', body: Buffer.alloc(10 * 1024 * 1024 + 1) })).toEqual(
    problem(413, 'Content Too Large'),
  );
  const before = engine.invocations('web');
  // As base64 it exceeds the maximum event size of Lambda.
  expect(await get('/x', { method: 'POST', body: Buffer.alloc(5 * 1024 * 1024) })).toEqual(
    problem(413, 'Content Too Large'),
  );
  expect(engine.invocations('web')).toEqual(before);
});

test('answers HEAD without a body, and accepts the largest body that fits', async () => {
  expect((await get('/ok', { method: 'HEAD' })).text).toBe('');
  const body = 'x'.repeat(5 * 1024 * 1024);
  expect(
    JSON.parse((await get('/ok', { method: 'POST', body, headers: { 'content-type': 'text/plain' } })).text),
  ).toEqual({
    size: body.length,
    base64: false,
  });
});

test('survives requests that are malformed or cut off, and invokes nothing for them', async () => {
  const before = engine.invocations('web');
  const port = Number(new URL(engine.url).port);
  const socket = connect(port, '127.0.0.1');
  socket.write('NOT HTTP\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json/);

  const cut = request({ port, method: 'POST', path: '/ok', headers: { 'content-length': 100 } });
  const hungUp = once(cut, 'error');
  cut.write('half', () => cut.destroy(new Error('cut off')));
  await hungUp;
  expect(engine.invocations('web')).toEqual(before);
  expect((await get('/ok')).status).toBe(200);
});

test('counts metrics instead of logging them, before the answer arrives', async () => {
  await get('/metric');
  expect(engine.metrics.sum('seen')).toBe(1);
  expect(lines.some(({ text }) => text.includes('CloudWatchMetrics'))).toBe(false);
});

test('returns a message whose worker was killed to the queue after its visibility timeout', async () => {
  const { succeeded } = engine.invocations('worker');
  await send('hang-once');
  await until(() => logged('hang-once 1'));
  expect(engine.killWorker('worker')).toBe(true);
  await until(() => engine.invocations('worker').crash === 1);
  await engine.advanceClock(150_000);
  expect(logged('hang-once 2')).toBe(false);
  await engine.advanceClock(30_000);
  await until(() => engine.invocations('worker').succeeded === succeeded + 1);
  expect(logged('hang-once 2')).toBe(true);
  expect(engine.killWorker('worker')).toBe(false);
});

test('adds sandboxes beyond the number of cores to replace those that wait', async () => {
  const event = { Records: [{ body: 'hang-many', attributes: { ApproximateReceiveCount: '1' } }] };
  const before = engine.invocations('worker').crash;
  const invocations = Array.from({ length: availableParallelism() + 2 }, () => engine.invoke('worker', event));
  await until(() => lines.filter(({ text }) => text === 'hang-many 1').length === invocations.length);
  while (engine.killWorker('worker'));
  for (const outcome of await Promise.all(invocations)) expect(outcome).toMatchObject({ reason: 'crash' });
  expect(engine.invocations('worker').crash).toBe(before + invocations.length);
});

test('keeps running short invocations, however many long ones wait', async () => {
  const event = (body: string) => ({ Records: [{ body, attributes: { ApproximateReceiveCount: '1' } }] });
  const waiting: Promise<unknown>[] = [];
  for (let number = 1; number <= availableParallelism() + 2; number += 1) {
    waiting.push(engine.invoke('worker', event(`hang-beside-${number}`)));
    // A short one each time, so an invocation always ended recently.
    expect(await engine.invoke('worker', event(`soon-${number}`))).toMatchObject({ kind: 'succeeded' });
  }
  while (engine.killWorker('worker'));
  await Promise.all(waiting);
});

test('moves a message that keeps failing to the dead-letter queue, and nothing else', async () => {
  const deadLetters = async () => {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: engine.environment('worker')['DEAD'],
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Number(Attributes?.['ApproximateNumberOfMessages']);
  };
  await Promise.all([send('fail'), send('fine')]);
  await until(() => logged('fail 1') && logged('fine 1'));
  await engine.advanceClock(180_000);
  await until(() => logged('fail 2'));
  expect(await deadLetters()).toBe(0);
  await engine.advanceClock(180_000);
  await until(async () => (await deadLetters()) === 1);
  expect(logged('fail 3')).toBe(false);
  expect(logged('fine 2')).toBe(false);
});

test('runs schedules on the same clock, once per jump', async () => {
  const count = () => engine.invocations('ticker').succeeded;
  const before = count();
  // The runs are complete when the clock has moved.
  await engine.advanceClock(3_600_000);
  expect(count()).toBe(before + 1);
  await engine.advanceClock(10 * 3_600_000);
  expect(count()).toBe(before + 2);
  const times = lines.filter((line) => line.function === 'ticker').map(({ text }) => Date.parse(text));
  expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBe(10 * 3_600_000);
});

test('moves the date of functions, but not their remaining time', async () => {
  await engine.advanceClock(86_400_000);
  const { now, date, remaining } = JSON.parse((await get('/time')).text) as Record<string, number>;
  for (const ms of [now, date]) expect(Math.abs((ms ?? 0) - engine.now())).toBeLessThan(1_000);
  expect(remaining).toBeGreaterThan(0);
  expect(remaining).toBeLessThanOrEqual(1_000);
});

test('fails when a function is unknown, and when the port is taken', async () => {
  expect(() => engine.killWorker('nobody')).toThrow(expect.objectContaining({ code: 'unknown-function' }));
  const port = Number(new URL(engine.url).port);
  await expect(startLocalEngine({ ...assembly, port })).rejects.toMatchObject({ code: 'port-in-use' });
});

test('fails when a bundle cannot be loaded, naming the function', async () => {
  const broken = await writeFixtureAssembly({ Broken: { code: 'import "nothing-of-that-name";' } });
  await expect(startLocalEngine({ ...broken, port: 0 })).rejects.toMatchObject({
    code: 'function-init-failed',
    message: expect.stringContaining('broken') as string,
  });
  await broken.remove();
});

const runEngine = async (then: 'stop' | 'stay'): Promise<{ child: ChildProcess; servers: string[] }> => {
  const script = fileURLToPath(new URL('../local/run-engine.ts', import.meta.url));
  const args = [script, assembly.assemblyDir, assembly.stackName, then];
  const child = spawn(process.execPath, args, { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, servers: JSON.parse(line.toString()) as string[] };
};
const isGone = (url: string) =>
  fetch(url).then(
    () => false,
    () => true,
  );

test('leaves nothing behind when stopped: the process ends by itself', async () => {
  const { child, servers } = await runEngine('stop');
  const [code] = (child.exitCode === null ? await once(child, 'exit') : [child.exitCode]) as [number];
  expect(code).toBe(0);
  for (const server of servers) expect(await isGone(server)).toBe(true);
});

test('leaves nothing behind when killed: emulators end with their parent', async () => {
  const { child, servers } = await runEngine('stay');
  child.kill('SIGKILL');
  await once(child, 'exit');
  for (const server of servers) await until(() => isGone(server));
});
