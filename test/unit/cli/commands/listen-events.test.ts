import { Webhook } from 'standardwebhooks';
import { beforeEach, expect, test } from 'vitest';
import { useIntegrationsFolder } from '../integrations-folder.ts';
import { type Loopback, type Reply, useLoopback } from '../loopback-server.ts';

const folder = useIntegrationsFolder();
const serve = useLoopback();

function anEvent(sequence: number, change: object = {}) {
  return {
    id: `evt_${sequence}`,
    type: 'record:updated',
    timestamp: `2026-11-22T11:00:0${sequence}.000Z`,
    tenant: 'acme',
    account: 'acc_1',
    integration: 'hibob',
    resource: 'hris/employees',
    record_id: String(100 + sequence),
    sequence,
    origin: 'webhook',
    raw_event_type: 'employee.updated',
    schema_version: '1.0.0',
    data: { name: 'Zoë' },
    ...change,
  };
}
type AnEvent = ReturnType<typeof anEvent>;

/** An engine whose tenant has these events; its cursor is a sequence number, and a page has two rows. */
function serveFeed(events: readonly AnEvent[], change: (number: number) => Reply | undefined = () => undefined) {
  return serve(({ path }, number) => {
    const query = new URL(path, 'http://engine').searchParams;
    const position = Number(query.get('cursor') ?? positionAt(events, query.get('since')));
    const rows = events.filter(({ sequence }) => sequence > position);
    const page = rows.slice(0, 2);
    const wanted = query.get('resources') ?? 'hris/employees';
    return (
      change(number) ?? {
        body: {
          data: page.filter(({ resource }) => wanted === resource),
          next_cursor: String(page.at(-1)?.sequence ?? position),
          caught_up: rows.length <= 2,
        },
      }
    );
  });
}

function positionAt(events: readonly AnEvent[], since: string | null): number {
  if (since === 'now') return events.at(-1)?.sequence ?? 0;
  if (since === null || since === 'beginning') return 0;
  if (/^\d+$/.test(since)) return Number(since) - 1;
  const first = events.find(({ timestamp }) => timestamp >= since);
  return (first?.sequence ?? events.length + 1) - 1;
}

let printed = '';
let notes = '';
beforeEach(() => {
  printed = '';
  notes = '';
});

interface Run {
  readonly realFetch?: typeof fetch;
  readonly nowMs?: () => number;
  /** Called when the command pauses; its result may be Ctrl-C. */
  readonly onPause?: (ms: number) => 'interrupt' | undefined;
}

function listen(argv: readonly string[], { realFetch = fetch, nowMs = Date.now, onPause }: Run = {}) {
  const interrupted = new AbortController();
  return folder.run(['listen', ...argv], {
    nowMs,
    fetch: realFetch,
    print: (text) => {
      printed += text;
    },
    note: (text) => {
      notes += text;
    },
    pause: (ms) => {
      if (onPause?.(ms) === 'interrupt') interrupted.abort();
      return Promise.resolve();
    },
    interruption: () => interrupted.signal,
  });
}

const to = (engine: Loopback) => ['--url', engine.url, '--key', 'tk_a_b', '--tenant', 'acme'];
const secretIn = (text: string) => /whsec_[A-Za-z0-9+/=]+/.exec(text)?.[0] ?? '';

test('shows the stored events, one line each, and ends', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2), anEvent(3)]);
  expect(await listen([...to(engine), '--once', '--types', 'record:*,delivery.*'])).toEqual({
    exitCode: 0,
    output: '',
  });
  expect(printed.split('\n')).toEqual([
    '2026-11-22T11:00:01.000Z record:updated hris/employees 101 evt_1',
    '2026-11-22T11:00:02.000Z record:updated hris/employees 102 evt_2',
    '2026-11-22T11:00:03.000Z record:updated hris/employees 103 evt_3',
    '',
  ]);
  expect(engine.received.map(({ path }) => path)).toEqual([
    '/v1/events?tenant=acme&since=beginning&limit=500&types=record%3A*%2Cdelivery.*',
    '/v1/events?tenant=acme&cursor=2&limit=500&types=record%3A*%2Cdelivery.*',
  ]);
  expect(engine.received[0]?.headers.authorization).toBe('Bearer tk_a_b');
  expect(notes).toContain('3 events\n');
});

test('begins with events after its start, and ends with Ctrl-C', async () => {
  const events = [anEvent(1), anEvent(2), anEvent(3)];
  const engine = await serveFeed(events);
  let pauses = 0;
  const onPause = () => {
    pauses += 1;
    if (pauses === 1) events.push(anEvent(4), anEvent(5, { resource: 'crm/contacts' }), anEvent(6));
    return pauses === 3 ? ('interrupt' as const) : undefined;
  };
  const { exitCode } = await listen([...to(engine), '--resources', 'hris/employees'], { onPause });
  expect(exitCode).toBe(0);
  expect(printed.match(/evt_\d/g)).toEqual(['evt_4', 'evt_6']);
  expect(notes).toContain('waiting for events\n');
  // It skips older events, and makes the engine wait.
  expect(engine.received.slice(0, 3).map(({ path }) => path)).toEqual([
    '/v1/events?tenant=acme&since=now&limit=500&resources=hris%2Femployees',
    '/v1/events?tenant=acme&cursor=3&limit=500&resources=hris%2Femployees&wait=20',
    '/v1/events?tenant=acme&cursor=3&limit=500&resources=hris%2Femployees&wait=20',
  ]);
});

test('polls an engine that has waited again without a pause', async () => {
  const engine = await serveFeed([]);
  let pauses = 0;
  let nowMs = 0;
  const onPause = () => {
    pauses += 1;
    return 'interrupt' as const;
  };
  const realFetch: typeof fetch = async (url, init) => {
    const isWaiting = engine.received.length < 4;
    const answer = await fetch(url, init);
    if (isWaiting) nowMs += 20_000;
    return answer;
  };
  await listen(to(engine), { onPause, realFetch, nowMs: () => nowMs });
  expect([engine.received.length, pauses]).toEqual([5, 1]);
});

test('begins with a time', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2), anEvent(3)]);
  await listen([...to(engine), '--once', '--since', '2026-11-22T12:00:02+01:00']);
  expect(printed.match(/evt_\d/g)).toEqual(['evt_2', 'evt_3']);
  expect(engine.received[0]?.path).toBe('/v1/events?tenant=acme&since=2026-11-22T11%3A00%3A02.000Z&limit=500');
});

test('begins with a sequence number', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2), anEvent(3)]);
  await listen([...to(engine), '--once', '--since', '3']);
  expect(printed.match(/evt_\d/g)).toEqual(['evt_3']);
});

test('listens to the demo of the local engine by default', async () => {
  const urls: string[] = [];
  const realFetch = ((url: string) => {
    urls.push(url);
    return Promise.resolve(Response.json({ data: [], next_cursor: 'x', caught_up: true }));
  }) as typeof fetch;
  await listen(['--once'], { realFetch });
  expect(urls).toEqual(['http://localhost:8787/v1/events?tenant=demo&since=beginning&limit=500']);
});

test('forwards each event in order as a callback that Standard Webhooks verifies, and shows the answer', async () => {
  const events = [anEvent(1), anEvent(2), anEvent(3)];
  const engine = await serveFeed(events);
  const endpoint = await serve(() => ({ status: 202, body: 'taken\n\u001B[31mred' }));
  const { exitCode } = await listen([...to(engine), '--once', '--forward', `${endpoint.url}/hooks`]);
  expect(exitCode).toBe(0);
  const secret = secretIn(notes);
  expect(notes).toContain(`forwarding to ${endpoint.url}/hooks, signed with ${secret}\n`);
  expect(
    endpoint.received.map(({ body, headers }) => new Webhook(secret).verify(body, headers as Record<string, string>)),
  ).toEqual(events);
  expect(endpoint.received.map(({ headers, path }) => [headers['webhook-id'], headers['content-type'], path])).toEqual(
    events.map(({ id }) => [id, 'application/json', '/hooks']),
  );
  // The answer of an endpoint cannot control the terminal.
  expect(printed).toMatch(/evt_1\n {2}-> 202 in \d+ ms taken \[31mred\n2026/);
});

test('forwards events unchanged, with members that only a newer engine has', async () => {
  const event = { first: [], ...anEvent(1, { data: { name: 'Zoë', nested: { ünknown: null } } }), last: { a: [1.5] } };
  const engine = await serveFeed([event]);
  const endpoint = await serve(() => ({ status: 204 }));
  await listen([...to(engine), '--once', '--json', '--forward', endpoint.url]);
  expect(endpoint.received.map(({ body }) => body)).toEqual([JSON.stringify(event)]);
  expect(printed).toContain(`{"event":${JSON.stringify(event)},"forward":`);
});

test('signs with a secret of the caller', async () => {
  const engine = await serveFeed([anEvent(1)]);
  const endpoint = await serve(() => ({ status: 204 }));
  const secret = `whsec_${Buffer.from('a secret of twenty-four.').toString('base64')}`;
  await listen([...to(engine), '--once', '--forward', endpoint.url, '--secret', secret]);
  const [{ body, headers }] = endpoint.received as [(typeof endpoint.received)[number]];
  expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({ id: 'evt_1' });
});

test('retries an event before it sends the next one', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2)]);
  const endpoint = await serve((_, number) => (number === 1 ? undefined : number === 2 ? { status: 500 } : {}));
  const pauses: number[] = [];
  const onPause = (ms: number) => {
    pauses.push(ms);
    return undefined;
  };
  const { exitCode } = await listen([...to(engine), '--once', '--forward', endpoint.url], { onPause });
  expect(exitCode).toBe(0);
  expect(endpoint.received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1', 'evt_1', 'evt_1', 'evt_2']);
  expect(pauses).toEqual([1000, 2000]);
  expect(notes).toMatch(/cannot be reached \(.*\)\.; retrying\n {2}-> 500 in \d+ ms; retrying\n/);
});

test('fails when an event is not accepted in four attempts, reports it and continues', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2)]);
  const endpoint = await serve(({ headers }) => ({ status: headers['webhook-id'] === 'evt_1' ? 302 : 200 }));
  const { exitCode } = await listen([...to(engine), '--once', '--json', '--forward', endpoint.url]);
  expect(exitCode).toBe(1);
  expect(notes).toMatch(/-> 302 in \d+ ms; evt_1 was not accepted in 4 attempts\n2 events, 1 of them not accepted\n$/);
  const lines = printed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toMatchObject([
    { event: anEvent(1), forward: { taken: false, tries: 4, status: 302, error: null } },
    { event: anEvent(2), forward: { taken: true, tries: 1, status: 200 } },
  ]);
});

test('prints only events as JSON without --forward', async () => {
  const engine = await serveFeed([anEvent(1)]);
  await listen([...to(engine), '--once', '--json']);
  expect(JSON.parse(printed)).toEqual({ event: anEvent(1), forward: null });
});

test('polls an engine that rejects waiting again a second later', async () => {
  const engine = await serveFeed([anEvent(1)]);
  const pauses: number[] = [];
  await listen([...to(engine), '--since', 'now'], {
    nowMs: () => 0,
    onPause: (ms) => {
      pauses.push(ms);
      return engine.received.length > 3 ? 'interrupt' : undefined;
    },
  });
  // The first call does not wait.
  expect(pauses).toEqual([1_000, 1_000, 1_000]);
  expect(engine.received).toHaveLength(4);
});

test('waits for a restarting engine, and continues at its cursor', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2), anEvent(3)], (number) =>
    number === 2 ? { status: 503, body: { detail: 'Not now.' } } : undefined,
  );
  const { exitCode } = await listen([...to(engine), '--since', 'beginning'], {
    onPause: () => (engine.received.length > 2 ? 'interrupt' : undefined),
  });
  expect(exitCode).toBe(0);
  expect(printed.match(/evt_\d/g)).toEqual(['evt_1', 'evt_2', 'evt_3']);
  expect(notes).toContain('answered 503: Not now. Retrying.\n');
});

test('ends while an endpoint hangs', async () => {
  const engine = await serveFeed([anEvent(1), anEvent(2)]);
  const interrupted = new AbortController();
  const result = await folder.run(['listen', ...to(engine), '--since', 'beginning', '--forward', 'http://hangs'], {
    fetch: (url, init) => {
      if (url.startsWith(engine.url)) return fetch(url, init);
      return new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        interrupted.abort();
      });
    },
    interruption: () => interrupted.signal,
  });
  expect(result.exitCode).toBe(0);
});

test.each<[string, Reply, string]>([
  [
    'the key is wrong',
    { status: 401, body: { detail: 'The key is not valid.' } },
    'answered 401: The key is not valid.',
  ],
  ['no tenant is named', { status: 400, body: { detail: 'Name one.', errors: [] } }, 'answered 400: Name one.'],
  [
    'a filter is wrong',
    { status: 400, body: { detail: 'Not taken.', errors: [{ path: 'types.0', message: 'expected one of *' }] } },
    'answered 400: Not taken. types.0: expected one of *',
  ],
  ['the engine fails', { status: 502, body: 'oops' }, 'answered 502.'],
  ['it is not an engine', { body: '<html>' }, 'answered 200.'],
  ['it is another API', { body: { data: [{ id: 1 }], next_cursor: 'x', caught_up: true } }, 'answered 200.'],
])('fails when %s', async (_, reply, message) => {
  const engine = await serve(() => reply);
  const result = await listen(to(engine));
  expect(result).toEqual({ exitCode: 1, output: expect.stringContaining(message) });
  expect(result.output).not.toContain('tk_a_b');
  expect(engine.received).toHaveLength(1);
  const { output } = await listen([...to(engine), '--json']);
  expect(JSON.parse(output)).toEqual({ error: expect.stringContaining(message) });
});

test('fails when the engine does not answer', async () => {
  const engine = await serve(() => ({}));
  await engine.close();
  const { exitCode, output } = await listen(to(engine));
  expect(exitCode).toBe(1);
  expect(output).toContain('cannot be reached (ECONNREFUSED).');
});

test.each([
  [
    'the start is none',
    ['--since', 'yesterday'],
    '--since: got "yesterday", expected now, beginning, an ISO 8601 time',
  ],
  ['the URL is none', ['--forward', 'localhost:3000'], '--forward: got "localhost:3000"'],
  ['the secret is malformed', ['--forward', 'http://localhost:1', '--secret', 'hunter2'], '--secret: expected whsec_'],
  ['a secret signs nothing', ['--secret', 'whsec_aGVsbG8='], 'expected --forward <url>'],
  ['the URL is malformed', ['--url', 'x'], 'expected an http or https origin'],
])('fails when %s, and sends nothing', async (_, argv, message) => {
  const { exitCode, output } = await listen(argv);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
  expect(output).not.toContain('hunter2');
});
