import { parseDefinition } from '../../../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { Exchanges } from '../../../../../lib/definitions/exchanges.ts';

const api = {
  base_url: 'https://{context.subdomain}.desk.example/v2',
  credentials: {
    api_key: { key: 'The key.', sent: { headers: { Authorization: 'Token {credential.key}' } } },
    oauth2: {
      authorize_url: 'https://login.desk.example/authorize',
      token_url: 'https://login.desk.example/token',
      scopes: ['read'],
      refresh: 'single-use',
      capture: { subdomain: '{token.site}' },
    },
    session: {
      username: 'The name.',
      password: 'The password.',
      request: {
        method: 'POST',
        path: '/login',
        json: { user: '{credential.username}', pass: '{credential.password}' },
      },
      token: { access: 'session.id' },
      sent: { headers: { 'X-Session': '{credential.access_token}' } },
    },
  },
  test: { call: { path: '/me' }, expect: 'ok = true' },
  limits: [
    { name: 'minute', calls: 10, per: '1m', remaining: '{header.x-remaining}', maximum: '{header.x-limit}' },
    { name: 'exports', calls: 2, per: '1m', window: 'fixed', of: ['ticketing/tickets.changes'] },
    { name: 'at_once', concurrent: 3 },
  ],
  errors: [{ when: { status: 404, json: '$not(code = "no_record")' }, means: 'forbidden' }],
};

const resources = {
  'ticketing/tickets': {
    map: '{ "id": $string(id), "title": subject, "status": status, "updated_at": updated_at }',
    version: { from: 'updated_at', as: 'time' },
    deleted: 'status = "deleted"',
    get: { path: '/tickets/{id}', record: 'ticket' },
    batch_get: { path: '/tickets', query: { ids: "{ids | join(',')}" }, records: 'tickets', max: 5 },
    list: {
      path: '/tickets',
      query: { since: '{filter.updated_at.gte? | epoch_s}', status: '{filter.status?}' },
      records: 'tickets',
      page: { cursor: { from: 'meta.next', to: 'query.cursor' }, size: 4, size_to: 'query.limit' },
    },
    changes: {
      path: '/export/tickets',
      query: { since: '{since | iso}' },
      records: 'tickets',
      page: { next: 'links.next', more: 'meta.more', size: 3, order: 'asc' },
    },
    create: { method: 'POST', path: '/tickets', json: { ticket: '{body}' }, record: 'ticket' },
    update: { method: 'PATCH', path: '/tickets/{id}', json: { ticket: '{body}' }, record: 'ticket' },
    delete: { method: 'DELETE', path: '/tickets/{id}' },
  },
  'ticketing/users': {
    map: '{ "id": id, "name": name }',
    id: '"user-" & key',
    get: { path: "/users/{id | replace(user-, '')}", record: '$' },
    list: { path: '/users', records: 'rows.{ "key": ref, "name": name }', thin: true },
  },
  'crm/companies': {
    map: '{ "id": id, "name": name }',
    list: {
      path: '/companies',
      records: 'items',
      page: { number: { to: 'query.page', start: 0, last: '{header.x-pages}' }, size: 4 },
    },
  },
  'crm/deals': {
    map: '{ "id": $string(id) }',
    list: { path: '/deals', records: '$', page: { last: { from: 'id', to: 'query.after' }, size: 3 } },
  },
  'crm/contacts': {
    map: '{ "id": $string(id), "email": email }',
    list: {
      method: 'POST',
      path: '/query',
      json: { q: "FROM contact{where? | prepend(' WHERE ') | default('')} SKIP {page.offset | number}" },
      where: { email: 'email = {value | quote(soql)}', 'updated_at.gte': 'changed >= {value | iso}' },
      records: 'rows',
      page: { offset: {}, size: 4, more: '$count(rows) + skipped < total' },
    },
  },
};

/** A definition that pages and names its records in many ways. */
export const simulatedDesk: Definition = parsed({
  name: 'desk',
  title: 'Desk',
  docs: 'https://desk.example/docs',
  context: { subdomain: 'Your name.' },
  api,
  resources,
});

function parsed(written: object): Definition {
  const files = { file: 'integration.yaml', folder: 'desk', read: () => undefined };
  const result = parseDefinition(JSON.stringify(written), files);
  if (result.kind === 'faults') throw new Error(JSON.stringify(result.faults, undefined, 2));
  return result.definition;
}

/** An exchange, as its file has it. */
function anExchange(
  resource: string,
  method: Exchanges['method'],
  body: unknown,
  more: { readonly status?: number; readonly expected?: Exchanges['expected']; readonly id?: string } = {},
): Exchanges {
  const { status = 200, expected, id } = more;
  return {
    resource,
    method,
    ...(id === undefined ? {} : { id }),
    account: { context: { subdomain: 'acme' } },
    exchanges: [
      {
        request: { method: 'GET', url: 'https://acme.desk.example/v2', headers: {} },
        response: { status, headers: {}, body },
      },
    ],
    ...(expected === undefined ? {} : { expected }),
    name: `${resource}-${method}`,
    file: '',
  };
}

const ticket = {
  id: 7,
  url: 'https://acme.desk.example/v2/tickets/7',
  subject: 'Fire',
  status: 'open',
  updated_at: '2026-11-20T09:00:00Z',
};

export const deskExchanges: readonly Exchanges[] = [
  anExchange('ticketing/tickets', 'get', { ticket }),
  anExchange('ticketing/tickets', 'get', { code: 'no_record' }, { status: 404, expected: { means: 'gone' } }),
  anExchange('ticketing/tickets', 'list', {
    tickets: [ticket, { ...ticket, id: 8, url: 'https://acme.desk.example/v2/tickets/8', status: 'solved' }],
    meta: { next: 'abc', count: 2 },
  }),
  anExchange('ticketing/users', 'get', { key: '501', name: 'Ada' }),
  anExchange('ticketing/users', 'list', { rows: [{ ref: '501', name: 'Ada', url: '/users/501' }] }),
  anExchange('crm/companies', 'list', { items: [{ id: '0e6b2c1a-0000-4000-8000-000000000000', name: 'Acme' }] }),
  anExchange('crm/deals', 'list', [{ id: 31 }]),
  anExchange('crm/contacts', 'list', { rows: [{ id: 41, email: 'ada@example.com' }], total: 1, skipped: 0 }),
];
