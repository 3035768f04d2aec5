import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../../lambdas/engine/definition/parse-definition.ts';
import { explainFaults, formatExplained } from '../../../../lib/cli/explain/explain-fault.ts';

/** A definition without faults; each mistake changes one of its parts. */
const valid = `name: desk
title: Desk
docs: https://developer.desk.example/api

context:
  subdomain: Your name at Desk.

api:
  base_url: https://{context.subdomain}.desk.example/v2
  credentials:
    api_key:
      key: An API key.
      sent: { headers: { Authorization: "Token {credential.key}" } }
    oauth2:
      authorize_url: https://login.desk.example/authorize
      token_url: https://login.desk.example/token
      scopes: [read]
      refresh: single-use
  test: { call: { path: /me }, expect: user.id != null }
  limits:
    - { name: minute, calls: 100, per: 1m, remaining: "{header.x-remaining}" }
    - { name: at_once, concurrent: 5 }
  errors:
    - { when: { status: 403, json: 'code = "quota"' }, means: slow-down, retry_after: 1m }

resources:
  ticketing/tickets:
    map: ticket.jsonata
    version: { from: updated_at, as: time }
    get: { path: "/tickets/{id}", record: ticket }
    batch_get: { path: /tickets, query: { ids: "{ids | join(',')}" }, records: tickets, max: 50 }
    list:
      path: /tickets
      query: { since: "{filter.updated_at.gte? | iso}", status: "{filter.status?}" }
      records: tickets
      page: { cursor: { from: meta.next, to: query.cursor }, size: 100, size_to: query.limit }
  ticketing/users:
    map: '{ "id": id }'
    get: { path: "/users/{id}" }
`;

const files: Readonly<Record<string, string>> = { 'ticket.jsonata': '{ "id": id }', 'ticket.graphql': 'query { x }' };

/** What `validate` says of the definition with one part changed. */
function faultsOf(from: string, to: string): readonly string[] {
  const yaml = valid.replace(from, () => to);
  if (yaml === valid) throw new Error(`the definition has no part ${from}`);
  const parsed = parseDefinition(yaml, { file: 'integration.yaml', folder: 'desk', read: (name) => files[name] });
  const faults = parsed.kind === 'faults' ? parsed.faults : [];
  return explainFaults(yaml, faults, Object.keys(files)).map(formatExplained);
}

test('the definition of these tests has no fault', () => {
  expect(faultsOf('title: Desk', 'title: A desk')).toEqual([]);
});

const context = '  subdomain: Your name at Desk.';
const tickets = 'get: { path: "/tickets/{id}", record: ticket }';
const users = '    get: { path: "/users/{id}" }\n';
const limits = '  limits:\n';
const minute = 'calls: 100, per: 1m,';
const status = '"{filter.status?}"';
const page = 'page: { cursor: { from: meta.next, to: query.cursor }, size: 100, size_to: query.limit }';

/** A mistake, the changed part, the place of the fault, and what its one line must contain. */
type Mistake = readonly [name: string, from: string, to: string, place: string, ...parts: readonly string[]];

const ofKeys: readonly Mistake[] = [
  ['at the top', 'resources:\n', 'resource:\n', '26:1 resource:', 'did you mean "resources"?'],
  ['of the API', '  base_url:', '  baseurl:', '9:3 api.baseurl:', 'did you mean "base_url"?'],
  ['of the list of limits', limits, '  limit:\n', '20:3 api.limit:', 'did you mean "limits"?'],
  ['of a limit', 'concurrent: 5', 'concurrency: 5', '22:24 api.limits.1.concurrency:', 'did you mean "concurrent"?'],
  [
    'of a kind of credentials',
    '    api_key:',
    '    apikey:',
    '11:5 api.credentials.apikey:',
    'did you mean "api_key"?',
  ],
  [
    'of a member of credentials',
    '      key: An',
    '      keey: An',
    '12:7 api.credentials.api_key.keey:',
    'did you mean "key"?',
  ],
  [
    'of what credentials are sent as',
    '{ headers: {',
    '{ header: {',
    '13:15 api.credentials.api_key.sent.header:',
    'did you mean "headers"?',
  ],
  ['of OAuth', 'scopes: [read]', 'scope: [read]', '17:7 api.credentials.oauth2.scope:', 'did you mean "scopes"?'],
  [
    'of a context value',
    context,
    '  subdomain: { hlp: Your name }',
    '6:16 context.subdomain.hlp:',
    'did you mean "help"?',
  ],
  [
    'of an error',
    'retry_after: 1m',
    'retry-after: 1m',
    '24:74 api.errors.0.retry-after:',
    'did you mean "retry_after"?',
  ],
  [
    'of a condition, as other tools call it',
    "json: 'code",
    "body: 'code",
    '24:30 api.errors.0.when.body:',
    'did you mean "json"?',
  ],
  [
    'of a condition, outside of it',
    'when: { status: 403, json:',
    'status: 403, when: { json:',
    '24:9 api.errors.0.status:',
    'it belongs into `when`',
  ],
  [
    'of the test, outside of its call',
    'call: { path: /me }',
    'path: /me',
    '19:11 api.test.path:',
    'it belongs into `call`',
  ],
  [
    'of a resource',
    '    map: ticket',
    '    maps: ticket',
    '28:5 resources.ticketing/tickets.maps:',
    'did you mean "map"?',
  ],
  [
    'of a call, as other tools call it',
    '    get: { path: "/tickets',
    '    fetch: { path: "/tickets',
    '30:5 resources.ticketing/tickets.fetch:',
    'did you mean "get"?',
  ],
  [
    'of a query, as other tools call it',
    '      query: { since',
    '      params: { since',
    '34:7 resources.ticketing/tickets.list.params:',
    'did you mean "query"?',
  ],
  [
    'of a record',
    'record: ticket }',
    'records: ticket }',
    '30:35 resources.ticketing/tickets.get.records:',
    'did you mean "record"?',
  ],
  [
    'of paging',
    '      page: {',
    '      paging: {',
    '36:7 resources.ticketing/tickets.list.paging:',
    'did you mean "page"?',
  ],
  [
    'of a page',
    'page: { cursor:',
    'page: { cusor:',
    '36:15 resources.ticketing/tickets.list.page.cusor:',
    'did you mean "cursor"?',
  ],
];

const ofTypes: readonly Mistake[] = [
  [
    'a context value without a text',
    context,
    '  subdomain:',
    '6:13 context.subdomain:',
    'got nothing, expected a text, or keys with values',
  ],
  [
    'a context as a list',
    context,
    '  - subdomain',
    '6:3 context:',
    'expected keys with values',
    'write context: { <name>: <value> }',
  ],
  [
    'a text for true or false',
    context,
    '  subdomain: { help: x, optional: "yes" }',
    '6:35 context.subdomain.optional:',
    'got "yes"',
    'write true',
  ],
  [
    'a URL without its scheme',
    'docs: https://developer',
    'docs: developer',
    '3:7 docs:',
    'expected a URL such as https://',
  ],
  [
    'a base URL without its scheme',
    'base_url: https://{context.subdomain}.',
    'base_url: api.',
    '9:13 api.base_url:',
    'got "api.desk.example/v2", expected https://…',
  ],
  [
    'a text for a list of hosts',
    limits,
    `  hosts: files.desk.example\n${limits}`,
    '20:10 api.hosts:',
    'expected a list',
    'write [files.desk.example]',
  ],
  [
    'a number for a duration',
    limits,
    `  timeout: 30\n${limits}`,
    '20:12 api.timeout:',
    'expected a duration such as',
    'write 30s for seconds',
  ],
  [
    'a word for a duration',
    'per: 1m',
    'per: minute',
    '21:40 api.limits.0.per:',
    'expected a duration such as',
    'got "minute"',
  ],
  [
    'a number for a header',
    limits,
    `  headers: { X-Version: 2 }\n${limits}`,
    '20:25 api.headers.X-Version:',
    'expected a text',
    'write "2" in quotes',
  ],
  [
    'a number that is too large',
    limits,
    `  reserve: 10\n${limits}`,
    '20:12 api.reserve:',
    'expected a number, at most 0.9; got 10',
  ],
  [
    'a text for a number',
    'calls: 100',
    'calls: "100"',
    '21:30 api.limits.0.calls:',
    'expected a number',
    'write 100 without quotes',
  ],
  [
    'a text for a status',
    'status: 403',
    'status: 4xx',
    '24:25 api.errors.0.when.status:',
    'expected a status such as 404, or a list of them; got "4xx"',
  ],
  [
    'a number for the time to wait',
    'retry_after: 1m',
    'retry_after: 60',
    '24:87 api.errors.0.retry_after:',
    'write 60s for seconds',
  ],
  [
    'a mapping for a list of errors',
    `- { when: { status: 403, json: 'code = "quota"' }, means: slow-down, retry_after: 1m }`,
    '403: slow-down',
    '24:5 api.errors:',
    'begin each item with "- "',
  ],
  [
    'YAML for JSONata',
    `map: '{ "id": id }'`,
    'map: { id: id }',
    '38:10 resources.ticketing/users.map:',
    'expected a text',
    "JSONata from the provider's record",
  ],
  [
    'a text for a call',
    tickets,
    'get: /tickets',
    '30:10 resources.ticketing/tickets.get:',
    'expected keys with values',
    'write get: { path: … }',
  ],
  [
    'a text for a version',
    'version: { from: updated_at, as: time }',
    'version: updated_at',
    '29:14 resources.ticketing/tickets.version:',
    'write version: { from: …, as: … }',
  ],
  [
    'a text for a query',
    `query: { since: "{filter.updated_at.gte? | iso}", status: ${status} }`,
    'query: status=open',
    '34:14 resources.ticketing/tickets.list.query:',
    'write query: { <name>: <value> }',
  ],
  [
    'a text for a cursor',
    'cursor: { from: meta.next, to: query.cursor }',
    'cursor: meta.next',
    '36:23 resources.ticketing/tickets.list.page.cursor:',
    'write cursor: { from: … }',
  ],
];

const ofMissing: readonly Mistake[] = [
  [
    'help for a context value',
    context,
    '  subdomain: { optional: true }',
    '6:14 context.subdomain.help:',
    'got no `help`, expected a text',
  ],
  [
    'the place of an API key',
    '      sent: { headers: { Authorization: "Token {credential.key}" } }\n',
    '',
    '12:7 api.credentials.api_key.sent:',
    'got no `sent`',
    'How calls carry the credentials',
  ],
  [
    'the URL of tokens',
    '      token_url: https://login.desk.example/token\n',
    '',
    '15:7 api.credentials.oauth2.token_url:',
    'got no `token_url`',
  ],
  [
    'the time of a limit',
    minute,
    'calls: 100,',
    '21:30 api.limits.0.calls:',
    'got `calls` without `per`',
    'such as per: 1m',
  ],
  [
    'what comes back to a bucket',
    'concurrent: 5',
    'bucket: 40',
    '22:32 api.limits.1.bucket:',
    'got `bucket` without `restore`',
  ],
  [
    'what a limit counts',
    ', concurrent: 5',
    '',
    '22:7 api.limits.1:',
    'got none, expected exactly one of calls, concurrent, bucket',
  ],
  [
    'a condition',
    `when: { status: 403, json: 'code = "quota"' }`,
    'when: {}',
    '24:15 api.errors.0.when:',
    'expected a condition: status, header, json, text or call',
  ],
  ['a meaning', ', means: slow-down', '', '24:7 api.errors.0.means:', 'expected one of "gone"', 'got nothing'],
  ['a mapping', '    map: ticket.jsonata\n', '', '29:10 resources.ticketing/tickets.get:', 'got a call without `map`'],
  [
    'a path',
    tickets,
    'get: { record: ticket }',
    '30:10 resources.ticketing/tickets.get:',
    'got neither `path` nor `url`, expected one of them, such as path: /tickets',
  ],
  [
    'the id in a path',
    '"/tickets/{id}"',
    '/tickets',
    '30:10 resources.ticketing/tickets.get:',
    'reads neither {id} nor {address.…}',
    'path: "/tickets/{id}"',
  ],
  [
    'the ids of several records',
    `"{ids | join(',')}"`,
    'all',
    '31:16 resources.ticketing/tickets.batch_get:',
    'does not read {ids}, expected for example query:',
  ],
  [
    'the most records of a call',
    ', max: 50',
    '',
    '31:16 resources.ticketing/tickets.batch_get.max:',
    'got no `max`',
    'The most records of one call.',
  ],
  [
    'a call that proves a deletion',
    `    ${tickets}\n`,
    '',
    '30:16 resources.ticketing/tickets.batch_get:',
    'got no `get`',
    '`missing: gone`',
  ],
  [
    'the place of a list',
    '      records: tickets\n      page',
    '      page',
    '33:7 resources.ticketing/tickets.list.records:',
    'got no `records`',
    'Where the list is in the answer.',
  ],
  [
    'the kind of a page',
    page,
    'page: { size: 100 }',
    '36:13 resources.ticketing/tickets.list.page:',
    'got none, expected exactly one of next, link, cursor, number, offset, last',
  ],
  [
    'the end of numbered pages',
    page,
    'page: { number: { to: query.page } }',
    '36:23 resources.ticketing/tickets.list.page.number:',
    'got no way to tell the last page',
  ],
  [
    'the size of offsets',
    page,
    'page: { offset: { to: query.offset } }',
    '36:23 resources.ticketing/tickets.list.page.offset:',
    'got `offset` without `size`',
  ],
];

const ofNames: readonly Mistake[] = [
  [
    'a context value',
    context,
    '  subDomain: Your name at Desk.',
    '6:3 context.subDomain:',
    'got the name "subDomain", expected lower-case letters',
  ],
  [
    'a context value in a template',
    '{context.subdomain}',
    '{context.subdomian}',
    '9:13 api.base_url:',
    'did you mean "{context.subdomain}"?',
  ],
  [
    'a credential in a template',
    '{credential.key}',
    '{credential.kee}',
    '13:41 api.credentials.api_key.sent.headers.Authorization:',
    'did you mean "{credential.key}"?',
  ],
  [
    'a source',
    '{credential.key}',
    '{credentials.key}',
    '13:41 api.credentials.api_key.sent.headers.Authorization:',
    'did you mean "{credential.key}"?',
  ],
  [
    'a source of webhooks',
    '{credential.key}',
    '{secret.key}',
    '13:41 api.credentials.api_key.sent.headers.Authorization:',
    'did you mean "{credential.key}"?',
  ],
  [
    'a source of other tools',
    '/tickets/{id}',
    '/tickets/{record_id}',
    '30:18 resources.ticketing/tickets.get.path:',
    'did you mean "{id}"?',
  ],
  [
    'a transform',
    '| iso}',
    '| isoo}',
    '34:23 resources.ticketing/tickets.list.query.since:',
    'got the transform "isoo"',
    'did you mean "iso"?',
  ],
  [
    'a query language',
    '| iso}',
    '| quote(sql)}',
    '34:23 resources.ticketing/tickets.list.query.since:',
    'got "quote(sql)", expected one of soql',
  ],
  [
    'a time zone',
    '| iso}',
    "| time('yyyy', Europe/Berln)}",
    '34:23 resources.ticketing/tickets.list.query.since:',
    'expected a time zone such as Europe/Berlin',
  ],
  ['a meaning', 'slow-down', 'slow_down', '24:63 api.errors.0.means:', 'got "slow_down"; did you mean "slow-down"?'],
  [
    'a way of refreshing',
    'single-use',
    'singleuse',
    '18:16 api.credentials.oauth2.refresh:',
    'did you mean "single-use"?',
  ],
  [
    'a kind of version, in another word',
    'as: time',
    'as: date',
    '29:38 resources.ticketing/tickets.version.as:',
    'did you mean "time"?',
  ],
  [
    'a method',
    'get: { path: "/tickets',
    'get: { method: get, path: "/tickets',
    '30:20 resources.ticketing/tickets.get.method:',
    'did you mean "GET"?',
  ],
  [
    'a call of a limit',
    'concurrent: 5',
    'concurrent: 5, of: [ticketing/tickets.lists]',
    '22:44 api.limits.1.of.0:',
    'did you mean "ticketing/tickets.list"?',
  ],
  [
    'a limit of an error',
    'retry_after: 1m',
    'retry_after: 1m, limit: minutes',
    '24:98 api.errors.0.limit:',
    'did you mean "minute"?',
  ],
  [
    'a resource',
    '  ticketing/tickets:',
    '  tickets:',
    '27:3 resources.tickets:',
    'got the name "tickets", expected <model>/<plural>',
  ],
  [
    'a resource that shares its calls',
    users,
    '    from: ticketing/ticket\n',
    '39:11 resources.ticketing/users.from:',
    'did you mean "ticketing/tickets"?',
  ],
  [
    'a file',
    'ticket.jsonata',
    'tickets.jsonata',
    '28:10 resources.ticketing/tickets.map:',
    'there is no such file',
    'did you mean "ticket.jsonata"?',
  ],
  [
    'a file of GraphQL',
    tickets,
    'get: { graphql: tickets.graphql, variables: { id: "{id}" } }',
    '30:21 resources.ticketing/tickets.get.graphql:',
    'a .graphql file',
    'did you mean "ticket.graphql"?',
  ],
  [
    'a place for a cursor',
    'to: query.cursor',
    'to: cursor',
    '36:46 resources.ticketing/tickets.list.page.cursor.to:',
    'did you mean "query.cursor"?',
  ],
  [
    'an operator',
    '      records: tickets\n      page',
    '      where: { status.neq: "x {value | quote(soql)}" }\n      records: tickets\n      page',
    '35:16 resources.ticketing/tickets.list.where.status.neq:',
    'got the name "status.neq"',
    'one of eq, gt, gte, lt, lte',
  ],
  [
    'an order, in another word',
    'size: 100',
    'size: 100, order: ascending',
    '36:80 resources.ticketing/tickets.list.page.order:',
    'did you mean "asc"?',
  ],
];

const ofMeaning: readonly Mistake[] = [
  [
    'two kinds of pages',
    'page: { cursor:',
    'page: { offset: { to: query.offset }, cursor:',
    '36:13 resources.ticketing/tickets.list.page:',
    'got cursor and offset, expected exactly one of',
  ],
  [
    'two kinds of limits',
    'concurrent: 5',
    'concurrent: 5, calls: 10, per: 1s',
    '22:7 api.limits.1:',
    'got calls and concurrent',
  ],
  [
    'two limits with one name',
    'at_once',
    'minute',
    '22:15 api.limits.1.name:',
    'got "minute" twice, expected another name',
  ],
  [
    'two bodies',
    'get: { path: "/tickets',
    'get: { json: { a: "{id}" }, form: { b: c }, path: "/tickets',
    '30:39 resources.ticketing/tickets.get.form:',
    'got json and form, expected one of them',
  ],
  [
    'variables without a query',
    'get: { path: "/tickets',
    'get: { variables: { a: "{id}" }, path: "/tickets',
    '30:23 resources.ticketing/tickets.get.variables:',
    'got `variables` without `graphql`',
  ],
  [
    'a path as a URL',
    'get: { path: "/tickets',
    'get: { url: "/tickets',
    '30:17 resources.ticketing/tickets.get.url:',
    'expected https://…',
    'what is below base_url is a `path`',
  ],
  [
    'calls of its own and of another resource',
    users,
    `    from: ticketing/tickets\n${users}`,
    '40:10 resources.ticketing/users.get:',
    'got a call and `from`',
  ],
  [
    'a call, and a reason for none',
    users,
    `    unfetchable: none\n${users}`,
    '39:18 resources.ticketing/users.unfetchable:',
    'got a reason and `get`',
  ],
  [
    'a filter where one record is read',
    '/tickets/{id}',
    '/tickets/{id}/{filter.status}',
    '30:18 resources.ticketing/tickets.get.path:',
    'got {filter.status}, which only list, changes, deletions can read',
  ],
  [
    'a value without quotes in a query language',
    status,
    '"state = {filter.status?}"',
    '34:65 resources.ticketing/tickets.list.query.status:',
    'expected a transform that makes it safe',
  ],
  [
    "the vendor's client at a host of the account",
    'token_url: https://login.desk.example',
    'token_url: https://{context.subdomain}',
    '16:18 api.credentials.oauth2.token_url:',
    'whose host ends with a name that is written here',
  ],
  [
    'a separator without quotes',
    "join(',')",
    'join(,)',
    '31:48 resources.ticketing/tickets.batch_get.query.ids:',
    'expected join(…) with a separator',
  ],
];

const ofSyntax: readonly Mistake[] = [
  [
    'JSONata that ends early',
    'expect: user.id != null',
    "expect: '$exists(user.id'",
    '19:40 api.test.expect:',
    'JSONata: Expected ")"',
    'character 15',
  ],
  [
    'a comparison of JavaScript',
    'user.id != null',
    'user.id !== null',
    '19:40 api.test.expect:',
    'JSONata compares with = and !=',
  ],
  [
    'an operator of JavaScript',
    'user.id != null',
    'user.id && user.name',
    '19:40 api.test.expect:',
    'JSONata writes `and` and `or`',
  ],
  [
    'JSONata of a mapping',
    `'{ "id": id }'`,
    `'{ "id": id'`,
    '38:10 resources.ticketing/users.map:',
    'JSONata: Expected "}"',
  ],
  [
    'a brace that is not closed',
    status,
    '"{filter.status?"',
    '34:65 resources.ticketing/tickets.list.query.status:',
    'a "{" without "}" at character 1',
  ],
  [
    'a template without quotes',
    'remaining: "{header.x-remaining}"',
    'remaining: {header.x-remaining}',
    '21:55 api.limits.0.remaining:',
    'write "{header.x-remaining}" in quotes',
  ],
  [
    'a path without quotes in { … }',
    '"/tickets/{id}"',
    '/tickets/{id}',
    '30:27',
    'write a text with { and } in quotes',
  ],
  [
    'a URL that begins with a brace',
    'base_url: https://{context.subdomain}.desk.example/v2',
    'base_url: {context.instance}/v2',
    '9:31',
    'write a text with { and } in quotes',
  ],
  [
    'a text with a comma in { … }',
    context,
    '  subdomain: { help: Your name, as in the address }',
    '6:3 context.subdomain.as in the address:',
    'a comma ends a text: write the whole text in quotes',
  ],
  [
    'a text with a colon',
    context,
    '  subdomain: Your name: the first part',
    '6:14',
    'write a text that holds ": " in quotes',
  ],
  [
    'a comma that is missing in { … }',
    '{ path: "/tickets/{id}", record',
    '{ path: "/tickets/{id}" record',
    '30:34',
    'check the quotes and the commas',
  ],
  ['a tab', '  test:', '\ttest:', '19:1', 'indent with spaces'],
  ['a key twice', '  test: {', '  accept: a/b\n  accept: c/d\n  test: {', '20:3', 'Map keys must be unique'],
];

describe.each([
  ['a misspelt key', ofKeys],
  ['a wrong type:', ofTypes],
  ['a missing part:', ofMissing],
  ['an unknown name of', ofNames],
  ['what cannot be together:', ofMeaning],
  ['what cannot be read:', ofSyntax],
])('validate finds %s', (_, mistakes) => {
  test.each(mistakes)('%s', (_name, from, to, place, ...parts) => {
    const [fault = '', ...others] = faultsOf(from, to);
    expect(others).toEqual([]);
    expect(fault.startsWith(`integration.yaml:${place} `), fault).toBe(true);
    for (const part of parts) expect(fault).toContain(part);
  });
});

test('what only follows from a misspelt key is left out, and other faults are not', () => {
  expect(faultsOf('per: 1m, remaining', 'per: minute, remainng')).toEqual([
    expect.stringContaining('got "minute"'),
    expect.stringContaining('did you mean "remaining"?'),
  ]);
});

test.each([
  ['{filter.updated_at.gte? | iso}', '{filter.updated_at.since? | iso}', 'expected an operator: eq, gt, gte, lt, lte'],
  ['{filter.status?}', '{where?}', 'in a call without `where`'],
  ['size: 100, size_to', 'size_to', '`size_to` without `size`'],
])('words that mean nothing alone: %s -> %s', (from, to, expected) => {
  expect(faultsOf(from, to).join('\n')).toContain(expected);
});

test.each([
  ['records: tickets, max: 50 }', 'records: tickets, max: 50, missing: gone }', 'batch_get.missing'],
  ['record: ticket }', 'record: ticket, when_empty: gone }', 'get.when_empty'],
])('an answer that proves a deletion must be known to be right: %s', (from, to, place) => {
  expect(faultsOf(from, to).join('\n')).toContain(`${place}: got no \`expect\` beside it`);
  expect(faultsOf(from, to.replace(' }', ', expect: $exists(ticket) }'))).toEqual([]);
});

test('a resource that takes its records from itself', () => {
  const map = `    map: '{ "id": id }'\n`;
  expect(faultsOf(`${map}    get: { path: "/users/{id}" }`, `${map}    from: ticketing/users`).join('\n')).toContain(
    'expected one of ticketing/tickets',
  );
});

test('a member of the credentials that is called token may be sent', () => {
  const bearer =
    '    bearer:\n      token: A token.\n      sent: { headers: { X-Token: "{credential.token}" } }\n    oauth2:\n';
  expect(faultsOf('    oauth2:\n', bearer)).toEqual([]);
});
