import { expect, test } from 'vitest';
import { type OperationId, operations } from '../../../../lambdas/engine/api/operations.ts';
import { type CommandPorts, UnusableInput } from '../../../../lib/cli/command.ts';
import {
  callOperation,
  callOperationPatiently,
  type OperationAnswer,
  type OperationCall,
  requestOf,
} from '../../../../lib/cli/engine/api-client.ts';

const args = { positionals: [], values: { url: 'https://api.example/', key: 'tk_a_b' } };
const patience = { signal: new AbortController().signal, tries: 5 };
const ids = Object.keys(operations) as OperationId[];

/** An engine that gives these answers in order, and the requests that it received. */
function anEngine(...answers: readonly Response[]) {
  const asked: { readonly url: string; readonly init: RequestInit }[] = [];
  const notes: string[] = [];
  const ports: CommandPorts = {
    integrations: '',
    nowMs: () => 0,
    fetch: (url, init) => {
      asked.push({ url, init });
      return Promise.resolve(answers[asked.length - 1] ?? Response.error());
    },
    deployment: () => Promise.reject(new Error('no deployment in this test')),
    print: () => undefined,
    note: (text) => notes.push(text),
    pause: () => Promise.resolve(),
    interruption: () => new AbortController().signal,
  };
  return { ports, asked, notes };
}

const getDelivery = (answer: Response) =>
  callOperation(args, anEngine(answer).ports, 'getDelivery', { params: { id: 'dlv_1' } });

test('fills parameters in, each as one segment of the path', () => {
  const call = { params: { id: 'sub/1?a#b', replay: 'ré%20 ..' } };
  expect(requestOf('getReplay', call)).toEqual({
    method: 'GET',
    path: '/v1/subscriptions/sub%2F1%3Fa%23b/replays/r%C3%A9%2520%20..',
  });
});

test.each(['', '.', '..'])('fails when a parameter is "%s", which would change the path', (id) => {
  expect(() => requestOf('deleteSubscription', { params: { id } })).toThrow(UnusableInput);
  expect(() => requestOf('deleteSubscription', { params: { id } })).toThrow(`id: got "${id}", expected`);
});

test('writes the query in the given order, and omits undefined values', () => {
  const query = { since: '2026-11-22T11:00:00+01:00', tenant: undefined, limit: '5', types: 'record:*' };
  expect(requestOf('readFeed', { query }).path).toBe(
    '/v1/events?since=2026-11-22T11%3A00%3A00%2B01%3A00&limit=5&types=record%3A*',
  );
  expect(requestOf('readFeed', { query: { tenant: undefined } }).path).toBe('/v1/events');
  expect(requestOf('readFeed', {}).path).toBe('/v1/events');
});

test('sends a body as JSON, and no body if it is omitted', async () => {
  const { ports, asked } = anEngine();
  const params = { id: 'sub_1' };
  await callOperation(args, ports, 'rotateSecret', { params, body: { overlap_seconds: 60 } });
  await callOperation(args, ports, 'rotateSecret', { params });
  expect(asked).toMatchObject([
    {
      url: 'https://api.example/v1/subscriptions/sub_1/rotate-secret',
      init: {
        method: 'POST',
        headers: { authorization: 'Bearer tk_a_b', 'content-type': 'application/json' },
        body: '{"overlap_seconds":60}',
      },
    },
    { init: { headers: { authorization: 'Bearer tk_a_b' } } },
  ]);
  expect(asked[1]?.init).not.toHaveProperty('body');
});

test.each(ids)('calls %s as in its example, and accepts the answer of the example', async (id) => {
  const { path, answers, example }: (typeof operations)[OperationId] & { example: { answer?: unknown } } =
    operations[id];
  const status = Number(Object.keys(answers)[0]);
  const body = example.answer === undefined ? null : JSON.stringify(example.answer);
  const { ports, asked } = anEngine(new Response(body, { status }));
  const answer = await callOperation(args, ports, id, example as OperationCall<typeof id>);
  expect(answer).toEqual({ kind: 'answered', status, body: example.answer });
  const shape = path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', String.raw`\.`);
  expect(asked[0]?.url).toMatch(new RegExp(String.raw`^https://api\.example${shape}(\?.*)?$`));
});

test('returns an answer unchanged', async () => {
  const body = { newer: 1, ...operations.getDelivery.example.answer, attempts: [], newest: { a: [] } };
  const answer = await getDelivery(Response.json(body));
  expect(JSON.stringify(answer)).toBe(JSON.stringify({ kind: 'answered', status: 200, body }));
});

test('distinguishes the answers of an operation by status or by a member', async () => {
  const { ports } = anEngine(
    Response.json(operations.startReplay.example.answer),
    Response.json(operations.getReplay.example.answer, { status: 202 }),
    Response.json(operations.getDelivery.example.answer, { status: 202 }),
  );
  const call = { params: { id: 'sub_1' }, body: { mode: 'all' } } as const;
  const told = (answer: OperationAnswer<'startReplay'>): string => {
    if (answer.kind === 'refused') return answer.error;
    if (answer.status === 200) return `would send ${answer.body.matched}`;
    return 'event_id' in answer.body ? `sends ${answer.body.event_id}` : `runs as ${answer.body.mode}`;
  };
  const answers = [];
  for (let number = 0; number < 3; number += 1)
    answers.push(told(await callOperation(args, ports, 'startReplay', call)));
  expect(answers).toEqual(['would send 412', 'runs as missing', 'sends evt_5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b']);
});

test.each<[string, Response, string]>([
  ['lacks a member', Response.json({ id: 'dlv_1' }), '200.'],
  ['has a member of another type', Response.json({ ...operations.getDelivery.example.answer, sequence: 'x' }), '200.'],
  ['is not JSON', new Response('<html>'), '200.'],
  ['has an undeclared status', Response.json(operations.getDelivery.example.answer, { status: 202 }), '202.'],
  ['is empty', new Response(null, { status: 204 }), '204.'],
])('fails when the answer %s', async (_, answer, message) => {
  expect(await getDelivery(answer)).toEqual({
    kind: 'refused',
    error: `https://api.example/v1/deliveries/dlv_1 answered ${message}`,
    isPassing: false,
  });
});

test.each([
  [404, { detail: 'There is none.' }, ': There is none.', false],
  [422, { detail: 'Not taken.', errors: [{ path: 'a', message: 'expected b' }] }, ': Not taken. a: expected b', false],
  [429, { detail: 'Too many.' }, ': Too many.', true],
  [503, { title: 'no problem details' }, '.', true],
])(
  'fails when the engine answers %i, and shows the detail of the problem',
  async (status, problem, message, isPassing) => {
    expect(await getDelivery(Response.json(problem, { status }))).toEqual({
      kind: 'refused',
      error: `https://api.example/v1/deliveries/dlv_1 answered ${status}${message}`,
      isPassing,
      status,
    });
  },
);

test('retries if waiting helps, and not if the answer has another form', async () => {
  const { ports, asked, notes } = anEngine(
    Response.json({ detail: 'Not now.' }, { status: 503 }),
    Response.json({ ok: true }),
  );
  const answer = await callOperationPatiently(args, ports, 'getDelivery', { params: { id: 'dlv_1' } }, patience);
  expect(answer).toMatchObject({ kind: 'refused', error: expect.stringContaining('answered 200.') });
  expect([asked.length, notes]).toEqual([2, [expect.stringContaining('Not now. Retrying.')]]);
});

test('fails to compile when a call does not fit its operation', () => {
  const params = { id: 'sub_1' };
  const calls = (ports: CommandPorts) => [
    // @ts-expect-error its path has a parameter
    requestOf('getSubscription', {}),
    // @ts-expect-error its path has two of them
    requestOf('getReplay', { params }),
    // @ts-expect-error its parameter has another name
    requestOf('getSubscription', { params: { subscription: 'sub_1' } }),
    // @ts-expect-error its path has no parameter
    requestOf('readFeed', { params }),
    // @ts-expect-error the name is unknown
    requestOf('readFeed', { query: { tenants: 'acme' } }),
    // @ts-expect-error values of a query are text
    requestOf('readFeed', { query: { limit: 5 } }),
    // @ts-expect-error there is no such state
    requestOf('listDeliveries', { params, query: { state: 'lost' } }),
    // @ts-expect-error it takes no query
    requestOf('getSubscription', { params, query: { tenant: 'acme' } }),
    // @ts-expect-error it needs a body
    requestOf('startReplay', { params }),
    // @ts-expect-error there is no such mode
    requestOf('startReplay', { params, body: { mode: 'some' } }),
    // @ts-expect-error its body has no such member
    requestOf('startReplay', { params, body: { mode: 'all', dryRun: true } }),
    // @ts-expect-error it takes no body
    requestOf('getSubscription', { params, body: {} }),
    // @ts-expect-error there is no such operation
    requestOf('getSubscriptions', {}),
    // @ts-expect-error it changes something
    callOperationPatiently(args, ports, 'cancelReplay', { params: { ...params, replay: 'rpl_1' } }, patience),
    // Optional parts.
    requestOf('startReplay', { params, body: { mode: 'all' } }),
    requestOf('rotateSecret', { params }),
    requestOf('listSubscriptions', {}),
  ];
  const members = (answer: OperationAnswer<'startReplay'>) => [
    // @ts-expect-error it may be rejected
    answer.body,
    // @ts-expect-error it may be a count
    answer.kind === 'answered' && answer.body.id,
    // @ts-expect-error it may be a delivery
    answer.kind === 'answered' && answer.status === 202 && answer.body.mode,
    // @ts-expect-error it declares no such status
    answer.kind === 'answered' && answer.status === 204,
    answer.kind === 'answered' && answer.status === 202 && answer.body.state,
  ];
  expect([calls, members]).toHaveLength(2);
});
