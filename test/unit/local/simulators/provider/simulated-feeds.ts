import { parseDefinition } from '../../../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { Exchanges } from '../../../../../lib/definitions/exchanges.ts';

const page = { cursor: { from: 'next', to: 'query.page' }, size: 3, size_to: 'query.limit' };
const ticket = { map: '{ "id": $string(id) }', version: { from: 'updated_at', as: 'time' } };

const resources = {
  'ticketing/tickets': {
    ...ticket,
    deleted: 'state = "deleted"',
    list: { path: '/tickets', records: 'rows', page, conditional: 'etag' },
    changes: {
      path: '/tickets/delta',
      query: { token: '{cursor?}' },
      records: 'rows',
      page,
      cursor: { kind: 'token', answer: 'delta' },
    },
  },
  'files/files': {
    ...ticket,
    deleted: '$exists(removed)',
    changes: {
      path: '/files/delta',
      records: 'value',
      page: { next: '`@next`', size: 4 },
      cursor: { kind: 'token', answer: '`@delta`', url: true },
    },
  },
  'crm/deals': {
    ...ticket,
    changes: {
      path: '/deals',
      query: { after: '{cursor?}' },
      records: 'rows',
      cursor: { kind: 'id' },
    },
    list: { path: '/deals/all', records: 'rows', conditional: 'last_modified' },
    deletions: {
      path: '/deals/deleted',
      query: { behind: "{page.last? | default('0')}" },
      records: 'rows',
      id: 'gone',
      page: { last: { from: 'gone' }, more: 'more', size: 2 },
    },
  },
  'crm/contacts': {
    ...ticket,
    list: { path: '/contacts', records: 'rows' },
    changes: {
      path: '/contacts/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      cursor: { bound: 'exclusive', precision: '1s', answer: 'until', as: 'epoch_s' },
    },
    deletions: {
      path: '/contacts/deleted',
      query: { since: '{since | epoch_s}' },
      records: 'rows',
      page,
      id: 'ref',
      cursor: { from: 'at', as: 'epoch_s' },
    },
  },
  'payments/payouts': {
    map: '{ "id": id }',
    get: { path: '/{address.kind? | default(payouts)}/{id}', record: '$' },
    list: { path: '/payouts/{filter.parent}', records: '[children]' },
    changes: {
      path: '/events',
      query: { since: '{since | epoch_s}' },
      records: '[data.{ "id": object.id, "kind": object.kind, "at": created }[kind = "payout"]]',
      thin: true,
      page: {
        cursor: { from: '$count(data) > 0 ? data[-1].id', to: 'query.after' },
        more: 'more',
        size: 3,
        order: 'desc',
      },
      cursor: { from: 'at', as: 'epoch_s' },
    },
  },
  'crm/notes': {
    ...ticket,
    list: { path: '/notes', records: 'rows' },
    deletions: { path: '/notes/deleted', query: { since: '{since | iso}' }, records: 'ids', id: '$' },
  },
};

/** A definition whose listings go on from tokens, ids, times of deletions and validators. */
export const simulatedFeeds: Definition = parsed({
  name: 'feeds',
  title: 'Feeds',
  docs: 'https://feeds.example/docs',
  api: {
    base_url: 'https://api.feeds.example',
    credentials: { api_key: { key: 'The key.', sent: { headers: { Authorization: 'Token {credential.key}' } } } },
    errors: [{ when: { status: 410, json: 'error = "resync"' }, means: 'restart' }],
  },
  resources,
});

function parsed(written: object): Definition {
  const files = { file: 'integration.yaml', folder: 'feeds', read: () => undefined };
  const result = parseDefinition(JSON.stringify(written), files);
  if (result.kind === 'faults') throw new Error(JSON.stringify(result.faults, undefined, 2));
  return result.definition;
}

function anExchange(resource: string, method: Exchanges['method'], body: unknown): Exchanges {
  const request = { method: 'GET', url: 'https://api.feeds.example/', headers: {} };
  const exchanges = [{ request, response: { status: 200, headers: {}, body } }];
  return { resource, method, account: { context: {} }, exchanges, name: `${resource}-${method}`, file: '' };
}

const row = { id: 1, state: 'open', updated_at: '2026-11-20T09:00:00Z' };

export const feedExchanges: readonly Exchanges[] = [
  anExchange('ticketing/tickets', 'list', { rows: [row], next: null }),
  anExchange('files/files', 'changes', { value: [row], '@delta': 'https://api.feeds.example/files/delta?x=1' }),
  anExchange('crm/deals', 'changes', { rows: [row] }),
  anExchange('crm/deals', 'deletions', { rows: [{ gone: '1' }], more: false }),
  anExchange('crm/contacts', 'list', { rows: [row] }),
  anExchange('crm/contacts', 'deletions', { rows: [{ ref: '1', at: 1_790_000_000, by: 'ada' }], next: null }),
  anExchange('crm/notes', 'list', { rows: [row] }),
  anExchange('payments/payouts', 'get', { id: 'po_100001', children: [{ id: 'po_100001' }] }),
  anExchange('payments/payouts', 'list', { children: [{ id: 'po_100001' }] }),
  anExchange('payments/payouts', 'changes', {
    more: false,
    data: [{ id: 'evt_1', created: 1_790_000_000, object: { id: 'po_100001', kind: 'payout' } }],
  }),
];
