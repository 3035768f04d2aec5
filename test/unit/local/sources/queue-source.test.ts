import type { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FunctionPool } from '../../../../lib/local/sandbox/function-pool.ts';
import { startQueueSource } from '../../../../lib/local/sources/queue-source.ts';
import type { QueueSourceModel } from '../../../../lib/local/template/event-sources.ts';

const batchSize = 10;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A queue whose receives find these numbers of messages, and then nothing until the source stops. */
function startOn(counts: readonly number[]) {
  let receives = 0;
  const send = async (command: object, options?: { readonly abortSignal: AbortSignal }): Promise<object> => {
    if (command.constructor.name !== 'ReceiveMessageCommand') return {};
    receives += 1;
    const count = counts[receives - 1];
    if (count === undefined)
      return new Promise((resolve) => options?.abortSignal.addEventListener('abort', () => resolve({})));
    return { Messages: Array.from({ length: count }, (_, index) => ({ MessageId: `${receives}-${index}`, Body: '' })) };
  };
  const pool: Partial<FunctionPool> = {
    maxSandboxes: 4,
    whenFree: async () => {},
    invoke: async () => ({ kind: 'succeeded', payload: 'null' }),
  };
  const source: Partial<QueueSourceModel> = {
    queue: { name: 'jobs', url: 'http://jobs', arn: 'arn:aws:sqs:us-east-1:000000000000:jobs' } as never,
    function: { arn: 'arn:aws:lambda:us-east-1:000000000000:function:work', label: 'work' } as never,
    batchSize,
    batchingWindowMs: 0,
    reportsBatchItemFailures: false,
  };
  const running = startQueueSource({
    source: source as QueueSourceModel,
    pool: pool as FunctionPool,
    sqs: { send } as unknown as SQSClient,
    onProblem: (text) => expect.unreachable(text),
    onRecursionStopped: () => expect.unreachable('no chain is that long'),
  });
  return { receives: () => receives, stop: () => running.stop() };
}

test('a message that comes alone is followed by the next receive at once', async () => {
  const { receives, stop } = startOn([1, 1, 1]);
  await vi.advanceTimersByTimeAsync(0);
  expect(receives()).toBe(4);
  await stop();
});

test('messages that come faster than one for each batch are gathered for a while', async () => {
  const { receives, stop } = startOn([3, 4]);
  await vi.advanceTimersByTimeAsync(39);
  expect(receives()).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(receives()).toBe(2);
  await vi.advanceTimersByTimeAsync(40);
  expect(receives()).toBe(3);
  await stop();
});

test('a full batch is followed by the next receive at once', async () => {
  const { receives, stop } = startOn([batchSize, batchSize]);
  await vi.advanceTimersByTimeAsync(0);
  expect(receives()).toBe(3);
  await stop();
});

test('a source that gathers stops at once', async () => {
  const { receives, stop } = startOn([3]);
  await vi.advanceTimersByTimeAsync(0);
  await stop();
  expect(receives()).toBe(1);
});
