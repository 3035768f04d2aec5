import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { nowMs, useIntegrationsFolder, writeResource } from '../integrations-folder.ts';
import { type Loopback, type Received, type Reply, useLoopback } from '../loopback-server.ts';

const folder = useIntegrationsFolder();
const serve = useLoopback();

const definition = `name: desk
title: Desk
docs: https://provider.example
context:
  subdomain: Your name at Desk.
api:
  base_url: https://{context.subdomain}.desk.example/v2
  credentials:
    api_key: { key: The key., sent: { headers: { Authorization: "Token {credential.key | base64_encode}" }, query: { token: "{credential.key}" } } }
    session: { username: The name., password: The password., request: { method: POST, path: /login, json: { user: "{credential.username}", password: "{credential.password}" } } }
    oauth2: { authorize_url: https://login.desk.example/authorize, token_url: https://login.desk.example/token }
  test: { call: { path: /me }, expect: ok = true }
  limits: [{ name: minute, calls: 10, per: 1m, remaining: "{header.x-remaining}" }]
resources:
  hris/employees:
    map: '{ "id": $string(id), "name": name, "custom_fields": { "echo": echo } }'
    version: { from: updated_at, as: time }
    deleted: status = "deleted"
    get: { path: "/people/{id}", record: person }
    batch_get: { path: /people, query: { ids: "{ids | join(',')}" }, records: people, max: 2 }
    list:
      path: /people
      query: { status: "{filter.status?}", since: "{filter.updated_at.gte? | epoch_s}" }
      records: people
      page: { cursor: { from: next, to: query.cursor } }
    changes: { path: /changes, query: { since: "{since}", until: "{until}" }, records: people }
    deletions: { path: /deleted, query: { since: "{since}", until: "{until?}" }, records: people, page: { cursor: { from: next, to: query.cursor } } }
    create: { method: POST, path: /people, json: { person: "{body}" }, record: person }
`;

const secret = 'the-s3cret-key';
const apiKey = { type: 'api_key', key: secret };

interface Wanted {
  readonly credentials?: object;
  readonly more?: object;
  readonly schema?: boolean;
}

/** Run `call desk …` against a stand-in; the output holds no secret of the account. */
async function call(
  argv: readonly string[],
  answer: (request: Received, number: number) => Reply | undefined = () => ({ status: 500 }),
  { credentials = apiKey, more = {}, schema = true }: Wanted = {},
) {
  folder.write('integrations/desk/integration.yaml', definition);
  if (schema) writeResource(folder);
  const file = folder.write('account.json', { context: { subdomain: 'acme' }, credentials, ...more });
  const desk: Loopback = await serve(answer);
  let notes = '';
  const result = await folder.run(
    ['call', 'desk', ...argv, '--account', file]
      .concat(['--host', `https://acme.desk.example=${desk.url}`])
      .concat(['--host', `https://login.desk.example=${desk.url}`]),
    {
      note: (text) => {
        notes += text;
      },
    },
  );
  const secrets = Object.values({ ...credentials, ...more }).filter((value) => String(value).includes('s3cret'));
  for (const value of secrets) expect(result.output + notes).not.toContain(value);
  const paths = desk.received.map(({ method, path }) => `${method} ${path}`);
  return { ...result, notes, paths, received: desk.received, file };
}

const person = (change: object = {}) => ({ id: 7, name: 'Ada', updated_at: '2026-11-20T00:00:00Z', ...change });

test('reads a record, and shows the request, the meaning, the limits and the data', async () => {
  const { exitCode, output, received } = await call(['hris/employees', 'get', '7'], () => ({
    headers: { 'x-remaining': '9' },
    body: { person: person() },
  }));
  expect(exitCode).toBe(0);
  expect(output).toBe(`GET https://acme.desk.example/v2/people/7?token=…
200 in 0 ms: ok, a success
limit minute: 9 left
record 7, version 2026-11-20T00:00:00Z
  {
    "id": "7",
    "name": "Ada",
    "custom_fields": {}
  }
1 record
`);
  expect(received[0]).toMatchObject({
    path: `/v2/people/7?token=${secret}`,
    headers: { authorization: `Token ${Buffer.from(secret).toString('base64')}` },
  });
});

test('tries credentials', async () => {
  expect(await call(['test'], () => ({ body: { ok: true } }))).toMatchObject({
    exitCode: 0,
    paths: [expect.any(String)],
  });
  expect(await call(['test'], () => ({ body: { ok: false } }))).toMatchObject({
    exitCode: 1,
    output: expect.stringContaining('not read: the answer is not the expected one (`expect`)'),
  });
});

test('lists pages, with filters, for programs', async () => {
  const { exitCode, output, paths } = await call(
    ['hris/employees', 'list', '--filter', 'status=a b', '--filter', 'updated_at.gte=2026-11-01T00:00:00Z']
      .concat(['--pages', '2'])
      .concat(['--json']),
    (_, number) => ({ body: { people: [person({ id: number })], next: `c${number}` } }),
  );
  expect(exitCode).toBe(0);
  expect(paths.map((path) => path.replace(/&?token=[^&]*/, ''))).toEqual([
    'GET /v2/people?status=a+b&since=1793491200',
    'GET /v2/people?status=a+b&since=1793491200&cursor=c1',
  ]);
  expect(JSON.parse(output)).toMatchObject({
    integration: 'desk',
    resource: 'hris/employees',
    method: 'list',
    outcome: 'read',
    means: 'ok',
    exchanges: [{ purpose: 'call', status: 200 }, { status: 200 }],
    records: [{ id: '1' }, { id: '2' }],
    more: true,
  });
  const empty = await call(['hris/employees', 'list'], () => ({ body: { people: [] } }));
  expect(empty).toMatchObject({ exitCode: 0, output: expect.stringContaining('\n0 records\n') });
});

test('reads several records, changes, and writes one', async () => {
  const batch = await call(['hris/employees', 'batch_get', '--ids', '7,8'], () => ({ body: { people: [person()] } }));
  expect(batch.paths).toEqual([`GET /v2/people?ids=7%2C8&token=${secret}`]);
  const changes = await call(['hris/employees', 'changes', '--since', '2026-11-20'], () => ({ body: { people: [] } }));
  expect(changes.paths[0]).toContain(`since=2026-11-20&until=${encodeURIComponent(new Date(nowMs).toISOString())}`);
  const data = folder.write('person.json', { name: 'Ada' });
  const created = await call(['hris/employees', 'create', '--data', data], () => ({ body: { person: person() } }));
  expect(created.exitCode).toBe(0);
  expect(created.received[0]).toMatchObject({ method: 'POST', body: '{"person":{"name":"Ada"}}' });
});

test('reads deletions since a time, page by page', async () => {
  const since = ['--since', '2026-11-20', '--pages', '2'];
  const { exitCode, output, paths } = await call(['hris/employees', 'deletions', ...since], (_, number) => ({
    body: { people: [{ id: number }], next: `c${number}` },
  }));
  expect(output).toContain('record 1');
  expect(exitCode).toBe(0);
  expect(paths).toHaveLength(2);
  expect(paths[0]).toContain(`since=2026-11-20&until=${encodeURIComponent(new Date(nowMs).toISOString())}`);
  const none = await call(['hris/employees', 'deletions', '--since', '2026-11-20'], () => ({ body: { people: [] } }));
  expect(none).toMatchObject({ exitCode: 0, output: expect.stringContaining('\n0 records\n') });
});

describe('shows no secret', () => {
  test('of a request, or of an answer that repeats it', async () => {
    const { output } = await call(['hris/employees', 'get', '7', '--raw'], ({ headers, path }) => ({
      headers: { 'x-echo': String(headers.authorization) },
      body: { person: person({ name: path, echo: { header: headers.authorization, key: secret } }) },
    }));
    expect(output).toContain('> authorization: Token …\n');
    expect(output).toContain('< x-echo: Token <authorization>\n');
    expect(output).toContain('"name":"/v2/people/7?token=<credentials.key>"');
    expect(output).not.toContain(Buffer.from(secret).toString('base64'));
  });

  test('of a login, whose token is not shown either', async () => {
    const credentials = { type: 'session', username: 'ada-s3cret-name', password: 's3cret-password' };
    const { exitCode, output } = await call(
      ['hris/employees', 'get', '7', '--raw'],
      ({ path, headers }) =>
        path === '/v2/login'
          ? { body: { access_token: 's3cret-token', expires_in: 60 } }
          : { body: { person: person({ name: headers.authorization }) } },
      { credentials },
    );
    expect(exitCode).toBe(0);
    expect(output).toContain('POST https://acme.desk.example/v2/login   (for a token)\n');
    expect(output).toContain('> user=…&password=…\n');
    expect(output).toContain('< {"access_token":"…","expires_in":60}\n');
    expect(output).toContain('"name": "Bearer <credentials.access_token>"');
    expect(output).not.toContain('s3cret');
  });
});

test('refreshes a token like the engine, and stores the new one in the file of the account', async () => {
  const credentials = { type: 'oauth2', access_token: 'old-s3cret', refresh_token: 'refresh-s3cret' };
  const { exitCode, output, notes, received, file } = await call(
    ['hris/employees', 'get', '7'],
    ({ path, headers }) => {
      if (path === '/token') return { body: { access_token: 'new-s3cret', refresh_token: 'next-s3cret' } };
      return headers.authorization === 'Bearer new-s3cret' ? { body: { person: person() } } : { status: 401 };
    },
    { credentials, more: { client: { client_id: 'tributary', client_secret: 's3cret-client' } } },
  );
  expect(exitCode).toBe(0);
  expect(output.split('\n').slice(0, 6)).toEqual([
    'GET https://acme.desk.example/v2/people/7',
    '401 in 0 ms: refresh, the engine takes a new token, once',
    'POST https://login.desk.example/token   (for a token)',
    '200 in 0 ms',
    'GET https://acme.desk.example/v2/people/7',
    '200 in 0 ms: ok, a success',
  ]);
  expect(new URLSearchParams(received[1]?.body).get('client_secret')).toBe('s3cret-client');
  expect(notes).toContain('The provider gave another token');
  expect(output + notes).not.toContain('s3cret');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    context: { subdomain: 'acme' },
    credentials: { type: 'oauth2', access_token: 'new-s3cret', refresh_token: 'next-s3cret' },
  });
});

test.each([
  ['the record does not exist', { status: 404 }, '404 in 0 ms: gone, the record does not exist'],
  [
    'the resource may not be read',
    { status: 403 },
    '403 in 0 ms: forbidden, the credentials may not read this resource',
  ],
  [
    'the provider wants fewer calls',
    { status: 429, headers: { 'retry-after': '60' } },
    'the provider leaves no call before 2026-11-22T12:01:00.000Z',
  ],
  ['the credentials are refused', { status: 401 }, 'not read: the provider refuses the credentials'],
  ['the answer has no record', { body: {} }, 'not read: the answer has no record where `record` expects it'],
  ['the answer is not JSON', { body: '<html>' }, 'not read: the answer is not json'],
  [
    'a record has no id',
    { body: { person: { name: 'Ada' } } },
    'unreadable record without an id: its id is neither text nor a number',
  ],
  ['the provider closes the connection', undefined, 'no answer: UND_ERR_SOCKET'],
] as const)('fails when %s', async (_, reply, line) => {
  const { exitCode, output } = await call(['hris/employees', 'get', '7'], () => reply);
  expect(output).toContain(line);
  expect(exitCode).toBe(1);
});

test('shows where data does not fit the schema, and that it cannot be checked without one', async () => {
  const answer = () => ({ body: { person: person({ name: 5 }) } });
  const drift = await call(['hris/employees', 'get', '7'], answer);
  expect(drift).toMatchObject({
    exitCode: 0,
    output: expect.stringContaining('drift records[0].data.name: expected string or null (hris/employees)\n'),
  });
  folder.remove('integrations/resources');
  const unchecked = await call(['hris/employees', 'get', '7'], answer, { schema: false });
  expect(unchecked.output).toContain('drift was not checked');
});

test('a deleted record is absent', async () => {
  const { output } = await call(['hris/employees', 'get', '7'], () => ({
    body: { person: person({ status: 'deleted' }) },
  }));
  expect(output).toContain('record 7, version 2026-11-20T00:00:00Z: does not belong to the resource, or is deleted\n');
});

test.each([
  [
    ['hris/employee', 'get', '7'],
    'has no resource "hris/employee". Did you mean "hris/employees"? It has: hris/employees.',
  ],
  [['tset'], 'Did you mean "test"?'],
  [['hris/employees'], 'Expected a method. hris/employees has: get, batch_get, list, changes, deletions, create.'],
  [['hris/employees', 'lst'], 'has no call "lst". Did you mean "list"?'],
  [['hris/employees', 'update', '7'], 'hris/employees has no call "update".'],
  [['hris/employees', 'get'], 'Expected the id of a record: call desk hris/employees get <id>.'],
  [['hris/employees', 'list', '7'], 'Got an unexpected argument: "7". list takes no id.'],
  [['test', 'get'], 'Got an unexpected argument: "get".'],
  [
    ['hris/employees', 'list', '--filter', 'statu=open'],
    'has no filter "statu". Did you mean "status"? It has: status, updated_at.gte.',
  ],
  [['hris/employees', 'list', '--filter', 'status'], '--filter: got "status", expected <name>=<value>.'],
  [['hris/employees', 'list', '--ids', '7'], '--ids has no meaning for list; it is for batch_get.'],
  [['hris/employees', 'list', '--pages', '0'], '--pages: got "0", expected a number from 1 to 1000.'],
  [['hris/employees', 'batch_get'], 'Expected --ids <id>,<id>'],
  [['hris/employees', 'batch_get', '--ids', '1,2,3'], 'expected at most 2, the `max` of the call'],
  [['hris/employees', 'changes', '--since', 'yesterday'], '--since: got "yesterday", expected an ISO 8601 time'],
  [['hris/employees', 'changes'], 'The call cannot be made: the call needs {since}; give --since.'],
  [['hris/employees', 'create'], 'The call cannot be made: the call needs {body}; give --data.'],
  [['hris/employees', 'create', '--data', 'nowhere.json'], 'nowhere.json cannot be read: ENOENT.'],
  [
    ['hris/employees', 'list', '--host', 'api.example.com'],
    '--host: expected <origin>=<origin>, got "api.example.com"',
  ],
] as const)('fails when the command line is %j', async (argv, message) => {
  const { exitCode, output, paths } = await call(argv);
  expect(output).toContain(message);
  expect(exitCode).toBe(2);
  expect(paths).toEqual([]);
});

test.each([
  [
    'lacks a context value',
    { context: { subdomian: 'acme' } },
    'context.subdomain: expected a value: Your name at Desk.; the file has "subdomian"',
  ],
  [
    'has an unknown kind of credentials',
    { credentials: { type: 'apikey' } },
    'credentials.type: expected one of api_key, oauth2, session; did you mean "api_key"?',
  ],
  ['has a misspelt member', { credentials: { type: 'api_key', kee: secret } }, 'did you mean "key"?'],
  ['lacks a member', { credentials: { type: 'api_key' } }, 'credentials.key: expected a text'],
  [
    'has a misspelt key',
    { credential: apiKey },
    'credential: expected one of context, credentials, base_url, client; did you mean "credentials"?',
  ],
  ['is of another integration', { integration: 'zendesk' }, 'is an account of another integration than "desk"'],
  ['has a base URL that is none', { base_url: 'desk' }, 'base_url: expected an http or https URL'],
])('fails when the account %s, and quotes no value', async (_, more, message) => {
  const { exitCode, output } = await call(['test'], undefined, { more });
  expect(output).toContain(message);
  expect(output).not.toContain(secret);
  expect(exitCode).toBe(2);
});

test('fails when there is no account, or its file is not JSON, and shows what one holds', async () => {
  folder.write('integrations/desk/integration.yaml', definition);
  expect(await folder.run(['call', 'desk', 'test'])).toEqual({
    exitCode: 2,
    output:
      'Expected --account <account.json>, a file such as {"context":{"subdomain":"…"},"credentials":{"type":"api_key","key":"…"}}.\n',
  });
  const file = folder.write('account.json', `{"credentials":\n ${secret}}`);
  expect(await folder.run(['call', 'desk', 'test', '--account', file])).toEqual({
    exitCode: 2,
    output: `${file}:2:3 is not JSON.\n`,
  });
});

test('fails when credentials would leave this machine over plain http', async () => {
  folder.write('integrations/desk/integration.yaml', definition);
  const file = folder.write('account.json', {
    credentials: apiKey,
    context: { subdomain: 'acme' },
    base_url: 'http://desk.example',
  });
  const { exitCode, output } = await folder.run(['call', 'desk', 'test', '--account', file]);
  expect(exitCode).toBe(1);
  expect(output).toContain('no answer: the provider may not be called: its scheme must be https');
});
