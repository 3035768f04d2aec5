import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { useIntegrationsFolder, writeResource } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

const definition = `name: desk
title: Desk
docs: https://provider.example
context:
  region: { help: Where the account is., default: eu }
api:
  base_url: https://{context.region}.desk.example
  credentials:
    basic: { username: { help: The name., default: api }, password: The key. }
  test: { call: { path: /me }, expect: ok = true }
resources:
  hris/employees:
    map: '{ "id": $string(id), "name": name & $context.region }'
    get: { path: "/people/{id}", record: person }
    list: { path: /people, records: people, expect: $exists(people), page: { next: next } }
    create: { method: POST, path: /people, json: { person: "{body}" }, record: person }
`;

interface Report {
  readonly integrations: readonly { readonly samples: readonly { readonly checks: readonly Check[] }[] }[];
}
interface Check {
  readonly faults: readonly string[];
}

const basic = (password: string) => `Basic ${Buffer.from(`api:${password}`).toString('base64')}`;
const url = 'https://eu.desk.example/people/7';
const get = { resource: 'hris/employees', method: 'get', id: '7' };
const ok = { request: { url }, response: { body: { person: { id: 7, name: 'Ada' } } } };
const read = { means: 'ok', records: [{ id: '7', data: { id: '7', name: 'Adaeu' } }] };

beforeEach(() => {
  folder.write('integrations/desk/integration.yaml', definition);
  writeResource(folder);
});

/** Check one exchange of `desk`. */
async function check(exchange: object, ...argv: readonly string[]) {
  const account = { credentials: { type: 'basic', password: 'k' } };
  folder.write('integrations/desk/exchanges/one.json', { account, ...exchange });
  const { exitCode, output } = await folder.run(['test', 'desk', '--json', ...argv]);
  if (exitCode === 2) return [(JSON.parse(output) as { readonly error: string }).error];
  const [integration] = (JSON.parse(output) as Report).integrations;
  return integration?.samples.flatMap(({ checks }) => checks.flatMap(({ faults }) => faults)) ?? [];
}

const expectedOf = () =>
  (JSON.parse(readFileSync(folder.path('integrations/desk/exchanges/one.json'), 'utf8')) as { expected: unknown })
    .expected;

test('an exchange passes that sends and reads what it says', async () => {
  expect(await check({ ...get, exchanges: [ok], expected: read })).toEqual([]);
});

describe('an answer that looks like a success, and is none,', () => {
  const faulty = [
    ['has no record', { ...get, exchanges: [{ ...ok, response: { body: { person: null } } }] }, 'has no record'],
    [
      'has no list',
      {
        ...get,
        method: 'list',
        id: undefined,
        exchanges: [{ request: { url: 'https://eu.desk.example/people' }, response: { body: {} } }],
      },
      'is not the expected one (`expect`)',
    ],
    [
      'does not prove credentials',
      {
        method: 'test',
        exchanges: [{ request: { url: 'https://eu.desk.example/me' }, response: { body: { ok: false } } }],
      },
      'is not the expected one (`expect`)',
    ],
  ] as const;

  test.each(faulty)('is expected as a fault: it %s', async (_, exchange) => {
    expect(await check({ ...exchange, expected: { means: 'fault', records: [] } })).toEqual([]);
  });

  test.each(faulty)('is a failure otherwise: it %s', async (_, exchange, message) => {
    expect(await check({ ...exchange, expected: { means: 'ok', records: [] } })).toEqual([
      expect.stringMatching(new RegExp(`^exchange 0: the answer ${message.replaceAll(/[()]/g, '\\$&')}`)),
    ]);
  });

  test('fails when it is expected and the answer is a success', async () => {
    expect(await check({ ...get, exchanges: [ok], expected: { ...read, means: 'fault' } })).toEqual([
      'got the meaning ok, expected fault',
    ]);
  });

  test('is written with --update where the exchange says that it is a fault', async () => {
    expect(await check({ ...faulty[0][1], expected: { means: 'fault' } }, '--update')).toEqual([]);
    expect(expectedOf()).toEqual({ means: 'fault', records: [] });
  });
});

describe('--update writes no expectation, and says so, where', () => {
  test.each([
    ['the answer has no record', { exchanges: [{ ...ok, response: { body: { person: null } } }] }, 'has no record'],
    ['a record has no id', { exchanges: [{ ...ok, response: { body: { person: { name: 'Ada' } } } }] }, 'its id is'],
    ['another request is made', { exchanges: [{ ...ok, request: { url: `${url}?a=b` } }] }, 'got the URL'],
    ['the call cannot be made', { id: undefined, exchanges: [ok] }, 'the call needs {id}'],
  ])('%s', async (_, change, message) => {
    for (const expected of [undefined, read]) {
      const faults = await check({ ...get, ...change, expected }, '--update');
      expect(faults[0]).toContain(message);
      expect(faults.join()).not.toContain('--update writes it');
      expect(expectedOf()).toEqual(expected);
    }
    const { exitCode, output } = await folder.run(['test', 'desk', '--update']);
    expect(exitCode).toBe(1);
    expect(output).toMatch(/^ {2}note --update left exchanges\/one\.json as it is: exchange 0: /m);
    expect(output).toContain(message);
  });
});

describe('a slow-down', () => {
  const slow = (rule: string) =>
    folder.write(
      'integrations/desk/integration.yaml',
      definition.replace(
        '  test:',
        `  limits: [{ name: minute, calls: 10, per: 1m }]\n  errors: [{ when: { json: throttled = true }, means: slow-down, ${rule} }]\n  test:`,
      ),
    );
  const throttled = { ...get, exchanges: [{ ...ok, response: { body: { throttled: true, wait: 2000 } } }] };
  const expected = { means: 'slow-down', records: [] };
  const whole = { ...expected, retry_after_ms: 2000, limit: 'minute' };

  test('is written with its time and its limit', async () => {
    slow('limit: minute, retry_after: wait, as: ms');
    expect(await check(throttled, '--update')).toEqual([]);
    expect(expectedOf()).toEqual(whole);
    expect(await check({ ...throttled, expected })).toEqual([]);
  });

  test.each([
    ['the unit is not given', 'limit: minute, retry_after: wait', 'retry_after_ms: expected 2000, got 2000000'],
    ['the place is misspelt', 'limit: minute, retry_after: wiat, as: ms', 'retry_after_ms: expected 2000, got nothing'],
    ['another limit is used up', 'retry_after: wait, as: ms', 'limit: expected "minute", got nothing'],
  ])('fails when %s', async (_, rule, fault) => {
    slow(rule);
    expect(await check({ ...throttled, expected: whole })).toEqual([fault]);
  });
});

describe('defaults apply as in the engine:', () => {
  const request = { url, headers: { Authorization: basic('k') } };

  test('of context values and of members of credentials', async () => {
    expect(await check({ ...get, exchanges: [{ ...ok, request }], expected: read })).toEqual([]);
  });

  test('of the kind of credentials, where the definition has one', async () => {
    const account = { credentials: { password: 'k' } };
    expect(await check({ ...get, account, exchanges: [{ ...ok, request }], expected: read })).toEqual([]);
  });

  test('and what the exchange says wins', async () => {
    const account = { context: { region: 'us' }, credentials: { username: 'x', password: 'k' } };
    expect(await check({ ...get, account, exchanges: [{ ...ok, request }], expected: read })).toEqual([
      'exchange 0: got the URL https://us.desk.example/people/7, expected https://eu.desk.example/people/7',
      `exchange 0: got the header Authorization: Basic ${Buffer.from('x:k').toString('base64')}, expected ${basic('k')}`,
      'records[0].data.name: expected "Adaeu", got "Adaus"',
    ]);
  });
});

test.each([
  [
    'the kind of credentials is unknown',
    { account: { credentials: { type: 'basik' } } },
    'account.credentials.type: got "basik", expected one of basic; did you mean "basic"?',
  ],
  ['there is no such call', { method: 'update' }, 'the definition has no call hris/employees.update'],
  ['a page is missing', { exchanges: [ok, ok] }, 'exchange 1: the page before was the last'],
  ['the meaning is no meaning', { expected: { means: 'good' } }, 'expected one of "gone"'],
  ['a call lacks a value', { id: undefined }, 'exchange 0: the call needs {id}'],
  [
    'a record is not expected',
    {
      exchanges: [{ ...ok, response: { body: { person: { id: 7, name: 'Ada' } } } }],
      expected: { means: 'ok', records: [] },
    },
    'records[0]: expected nothing',
  ],
])('fails when %s', async (_, change, message) => {
  const faults = await check({ ...get, exchanges: [ok], expected: read, ...change });
  expect(faults).toContainEqual(expect.stringContaining(message));
});

test('shows where a body or a text differs, and not all of it', async () => {
  const created = {
    resource: 'hris/employees',
    method: 'create',
    body: { name: 'Ada', note: `${'a'.repeat(300)}b` },
    exchanges: [
      {
        request: {
          method: 'POST',
          url: 'https://eu.desk.example/people',
          body: { person: { name: 'Eda', note: `${'a'.repeat(300)}c` } },
        },
        response: ok.response,
      },
    ],
    expected: read,
  };
  expect(await check(created)).toEqual([
    'exchange 0: body.person.name: expected "Eda", got "Ada"',
    `exchange 0: body.person.note: from character 301, expected …"${'a'.repeat(20)}c"…, got …"${'a'.repeat(20)}b"…`,
  ]);
});

test('the layout of a GraphQL query does not matter, and its content does', async () => {
  const graphql = definition.replace(
    'get: { path: "/people/{id}", record: person }',
    'get: { graphql: "query($id: ID!) { person(id: $id, old: false) { id, name } }", variables: { id: "{id}" }, record: person }',
  );
  folder.write('integrations/desk/integration.yaml', graphql);
  const asked = (query: string) => ({
    ...get,
    exchanges: [
      {
        request: { method: 'POST', url: 'https://eu.desk.example/', body: { query, variables: { id: '7' } } },
        response: ok.response,
      },
    ],
    expected: read,
  });
  expect(await check(asked('query ($id: ID!) {\n  person(id: $id old: false) {\n    id\n    name\n  }\n}\n'))).toEqual(
    [],
  );
  expect(await check(asked('query ($id: ID!) { person(id: $id old: true) { id name } }'))).toEqual([
    expect.stringContaining('exchange 0: body.query: expected'),
  ]);
});
