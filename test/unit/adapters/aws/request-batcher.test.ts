import { describe, expect, test } from 'vitest';
import {
  type BatcherOptions,
  createBatcher,
  outcomesOrThrow,
} from '../../../../lambdas/adapters/aws/request-batcher.ts';

type Send = BatcherOptions<string, string>['send'];

function aBatcher(send: Send, maxItems = 3) {
  const requests: (readonly string[])[] = [];
  const batcher = createBatcher<string, string>({
    maxItems,
    send: (items, signal) => {
      requests.push(items);
      return send(items, signal);
    },
    notTaken: (items, isLate) => new Error(`${items.length} ${isLate ? 'late' : 'not taken'}`),
  });
  return { batcher, requests };
}

const taken: Send = async (items) => items.map((item) => `${item}!`);
const refusal = () => Object.assign(new Error('refused'), { name: 'ValidationException', $fault: 'client' });

describe('a batcher', () => {
  test('sends concurrent items in shared requests, and gives each caller its own outcomes', async () => {
    const { batcher, requests } = aBatcher(taken);
    expect(await Promise.all([batcher(['a']), batcher(['b', 'c']), batcher([]), batcher(['d'])])).toEqual([
      ['a!'],
      ['b!', 'c!'],
      [],
      ['d!'],
    ]);
    expect(requests).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('collects items while a request is in flight, and sends them when it has ended', async () => {
    const answers: (() => void)[] = [];
    const { batcher, requests } = aBatcher(async (items) => {
      if (requests.length === 1) await new Promise<void>((answer) => answers.push(answer));
      return items.map((item) => `${item}!`);
    });
    const first = batcher(['a']);
    await turn();
    const later = [batcher(['b']), batcher(['c'])];
    await turn();
    expect(requests).toEqual([['a']]);
    answers[0]?.();
    expect(await Promise.all([first, ...later])).toEqual([['a!'], ['b!'], ['c!']]);
    expect(requests).toEqual([['a'], ['b', 'c']]);
  });

  test('does not wait for a request that hangs', async () => {
    const { batcher, requests } = aBatcher((items, signal) =>
      requests.length === 1 ? new Promise(() => {}) : taken(items, signal),
    );
    void batcher(['hangs']);
    await turn();
    expect(await Promise.all([batcher(['b']), batcher(['c'])])).toEqual([['b!'], ['c!']]);
    expect(requests).toEqual([['hangs'], ['b', 'c']]);
  });

  test('sends items again that were not taken, and settles the others meanwhile', async () => {
    const ended: string[] = [];
    const { batcher, requests } = aBatcher(async (items) =>
      items.map((item) => (item === 'busy' && requests.length < 3 ? undefined : `${item}!`)),
    );
    const calls = [['busy', 'b'], ['c']].map(async (items) => {
      const outcomes = await batcher(items);
      ended.push(...(outcomes as string[]));
    });
    await Promise.all(calls);
    expect(ended).toEqual(['c!', 'busy!', 'b!']);
    expect(requests).toEqual([['busy', 'b', 'c'], ['busy'], ['busy']]);
  });

  test('fails an item that is never taken, and no other', async () => {
    const { batcher, requests } = aBatcher(async (items) =>
      items.map((item) => (item === 'busy' ? undefined : `${item}!`)),
    );
    const [own, other] = await Promise.all([batcher(['busy', 'a']), batcher(['b'])]);
    expect(own).toEqual([new Error('1 not taken'), 'a!']);
    expect(other).toEqual(['b!']);
    expect(requests).toHaveLength(6);
    expect(() => outcomesOrThrow(own)).toThrow('1 not taken');
    expect(outcomesOrThrow(other)).toEqual(['b!']);
  });

  test('sends the items of each caller separately when the service refuses a shared request', async () => {
    const { batcher, requests } = aBatcher(async (items) => {
      if (items.includes('bad')) throw refusal();
      return items.map((item) => `${item}!`);
    });
    expect(await Promise.all([batcher(['a']), batcher(['bad', 'b']), batcher(['c'])])).toEqual([
      ['a!'],
      [refusal(), refusal()],
      ['c!'],
    ]);
    expect(requests.slice(0, 3)).toEqual([['a', 'bad', 'b'], ['c'], ['a']]);
    expect(requests.at(-1)).toEqual(['bad', 'b']);
  });

  test.each([
    ['is throttled', Object.assign(new Error('slow down'), { name: 'ThrottlingException', $fault: 'client' })],
    ['cannot be reached', new Error('socket hang up')],
  ])('sends nothing more when the service %s, because the client has already retried', async (_, error) => {
    const { batcher, requests } = aBatcher(() => Promise.reject(error));
    expect(await Promise.all([batcher(['a']), batcher(['b'])])).toEqual([[error], [error]]);
    expect(requests).toHaveLength(1);
  });

  test('aborts a request with late items, and sends the others again', async () => {
    const ending = new AbortController();
    const { batcher, requests } = aBatcher((items, signal) =>
      items.includes('late')
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))))
        : taken(items, signal),
    );
    const calls = [batcher(['late'], ending.signal), batcher(['b'], new AbortController().signal), batcher(['c'])];
    await turn();
    ending.abort();
    expect(await Promise.all(calls)).toEqual([[new Error('1 late')], ['b!'], ['c!']]);
    expect(requests).toEqual([
      ['late', 'b', 'c'],
      ['b', 'c'],
    ]);
    expect(await batcher(['too late'], ending.signal)).toEqual([new Error('1 late')]);
    expect(requests).toHaveLength(2);
  });
});

/** Wait until requests that were scheduled in this turn of the event loop are in flight. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
