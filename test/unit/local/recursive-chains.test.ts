import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../lib/local/engine.ts';
import { type FixtureAssembly, queueTo, writeFixtureAssembly } from './fixture-assembly.ts';
import { until } from './until.ts';

const module = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);

// Forwards each message to its own queue, with the client that the engine's functions use.
const looper = `
import { createRequire } from 'node:module';
import { clientSettings, lean } from ${module('lambdas/adapters/aws/client-settings.ts')};
const { SendMessageCommand, SQSClient } = createRequire(${module('package.json')})('@aws-sdk/client-sqs');
const sqs = lean(new SQSClient(clientSettings));
export const handler = async ({ Records }) => {
  for (const { body } of Records) {
    console.log('hop ' + body);
    if (body !== '40')
      await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE, MessageBody: String(Number(body) + 1) }));
  }
};`;

const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function startLooper(properties: Readonly<Record<string, unknown>>) {
  const lines: string[] = [];
  const assembly: FixtureAssembly = await writeFixtureAssembly(
    {
      Looper: {
        code: looper,
        properties: {
          Environment: { Variables: { QUEUE: { Ref: 'Queue' }, DEAD: { Ref: 'DeadLetters' } } },
          ...properties,
        },
        statements: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] } }],
      },
    },
    queueTo('Looper'),
  );
  toClose.push(() => assembly.remove());
  const engine: LocalEngine = await startLocalEngine({
    ...assembly,
    port: 0,
    onLog: ({ text }) => lines.push(text),
    machineLoad: { isBusy: () => false },
  });
  toClose.push(() => engine.stop());
  const sqs = new SQSClient(engine.clientConfig('sqs'));
  toClose.push(() => sqs.destroy());
  await sqs.send(new SendMessageCommand({ QueueUrl: engine.environment('looper')['QUEUE'], MessageBody: '1' }));
  return { engine, sqs, lines, hops: () => lines.filter((line) => line.startsWith('hop ')).length };
}

test('a function that allows recursion continues as long as it sends to its own queue', async () => {
  const { lines, hops } = await startLooper({ RecursiveLoop: 'Allow' });
  await until(() => lines.includes('hop 40'));
  expect(hops()).toBe(40);
});

test('fails when a chain invokes a function for the seventeenth time: the chain stops, and its message becomes a dead letter', async () => {
  const { engine, sqs, lines, hops } = await startLooper({});
  const stops = () => lines.filter((line) => line.startsWith('Recursive loop: ')).length;
  await until(() => stops() === 1);
  await engine.advanceClock(180_000);
  await until(() => stops() === 2);
  await engine.advanceClock(180_000);
  await until(async () => {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: engine.environment('looper')['DEAD'],
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Attributes?.['ApproximateNumberOfMessages'] === '1';
  });
  expect(hops()).toBe(16);
  expect(engine.invocations('looper').succeeded).toBe(16);
});
