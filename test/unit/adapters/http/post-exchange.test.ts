import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ExchangeOptions, exchange } from '../../../../lambdas/adapters/http/post-exchange.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A post whose connection the test plays. */
function begin(change: Partial<ExchangeOptions> = {}) {
  let handler: Dispatcher.DispatchHandler = {};
  const dispatcher: Pick<Dispatcher, 'dispatch'> = {
    dispatch: (_, given) => {
      handler = given;
      return true;
    },
  };
  const options = {
    url: new URL('https://example.com/'),
    headers: {},
    body: '{}',
    timeoutMs: 1_000,
    maxBodyBytes: 8,
    maxReadingMs: 100,
  };
  const abort = vi.fn();
  const controller: Pick<Dispatcher.DispatchController, 'abort'> = { abort };
  const connection = controller as Dispatcher.DispatchController;
  return {
    ended: exchange(dispatcher as Dispatcher, { ...options, ...change }),
    aborted: () => abort.mock.calls.length > 0,
    start: () => handler.onRequestStart?.(connection, {}),
    head(status: number, retryAfter: string | string[] = '7') {
      const headers: Record<string, string | string[]> = { 'retry-after': retryAfter };
      handler.onResponseStart?.(connection, status, headers);
    },
    data: (text: string) => handler.onResponseData?.(connection, Buffer.from(text)),
    end: () => handler.onResponseEnd?.(connection, {}),
    fail: (message: string) => handler.onResponseError?.(connection, new Error(message)),
  };
}
const answered = (body: string, isWhole: boolean) => ({
  kind: 'answered',
  status: 200,
  retryAfter: '7',
  body: Buffer.from(body),
  isWhole,
});

test('an answer is the status, the wait it asks for and the body', async () => {
  const post = begin();
  post.start();
  post.head(103);
  post.head(200);
  post.data('ab');
  post.data('cd');
  post.end();
  expect(await post.ended).toEqual(answered('abcd', true));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(post.aborted()).toBe(false);
});

test('an answer that repeats how long to wait has the first of them', async () => {
  const post = begin();
  post.start();
  post.head(200, ['7', '9']);
  post.end();
  expect(await post.ended).toEqual(answered('', true));
});

test.each([
  ['is too long', (post: ReturnType<typeof begin>) => post.data('efghij'), 'abcdefgh'],
  ['is too slow', () => vi.advanceTimersByTime(100), 'abcd'],
  ['is cut off', (post: ReturnType<typeof begin>) => post.fail('hung up'), 'abcd'],
])('an answer whose body %s has its status and what arrived', async (_, happens, body) => {
  const post = begin();
  post.start();
  post.head(200);
  post.data('abcd');
  happens(post);
  expect(await post.ended).toEqual(answered(body, false));
});

test('a post without a connection ends in time, and is not made afterwards', async () => {
  const post = begin();
  vi.advanceTimersByTime(1_000);
  expect(await post.ended).toEqual({ kind: 'timed-out' });
  expect(post.aborted()).toBe(false);
  post.start();
  expect(post.aborted()).toBe(true);
});

test('the whole call has one timeout, whatever its body may take', async () => {
  const post = begin({ maxReadingMs: 5_000 });
  post.start();
  vi.advanceTimersByTime(900);
  post.head(200);
  post.data('ab');
  vi.advanceTimersByTime(100);
  expect(await post.ended).toEqual(answered('ab', false));
  expect(post.aborted()).toBe(true);
});

test('an answer that begins while its caller is asked whether to wait is kept whole', async () => {
  const asked = Promise.withResolvers<boolean>();
  const waitsOn = vi.fn(() => asked.promise);
  const post = begin({ late: { afterMs: 300, waitsOn } });
  post.start();
  vi.advanceTimersByTime(300);
  expect(waitsOn).toHaveBeenCalledTimes(1);
  post.head(200);
  asked.resolve(false);
  await vi.advanceTimersByTimeAsync(0);
  post.data('late');
  post.end();
  expect(await post.ended).toEqual(answered('late', true));
});

test('a late answer that its caller does not wait for is given up with its connection', async () => {
  const post = begin({ late: { afterMs: 300, waitsOn: async () => false } });
  post.start();
  await vi.advanceTimersByTimeAsync(300);
  expect(await post.ended).toEqual({ kind: 'given-up' });
  expect(post.aborted()).toBe(true);
});

test('a post that fails before its status says why', async () => {
  const post = begin();
  post.fail('refused');
  expect(await post.ended).toEqual({ kind: 'failed', error: new Error('refused') });
});
