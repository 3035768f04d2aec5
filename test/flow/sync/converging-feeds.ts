import { parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import type { Exchanges } from '../../../lib/definitions/exchanges.ts';

const record = {
  map: '{ "id": $string(id), "name": name, "updated_at": updated_at }',
  version: { from: 'updated_at', as: 'time' },
};
const numbered = { number: { to: 'query.page' }, size: 5, size_to: 'query.limit' };
/** The provider says how many pages there are. */
const totalled = { number: { to: 'query.page', last: 'pages' }, size: 5, size_to: 'query.limit' };
const followed = { cursor: { from: 'next', to: 'query.page' }, size: 5, size_to: 'query.limit' };

/** Listings end where the page is not full; nothing is hidden. */
const list = (path: string, page: object = numbered) => ({ path, records: 'rows', page, complete: true });
const get = (path: string) => ({ path: `${path}/{id}`, record: 'row' });
/** Times are cut to the minute, rows may come 30 s late, and the clocks of the provider differ by 5 s. */
const cursor = { lag: '100s', settle: '10s' };

/** By the kind of its cursor: how a resource tells of its changes. */
export const kinds = {
  'time by pages': {
    resource: 'crm/contacts',
    get: get('/contacts'),
    list: list('/contacts'),
    changes: {
      path: '/contacts/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: { ...numbered, order: 'asc' },
      cursor,
    },
  },
  'time by links': {
    resource: 'crm/companies',
    deleted: 'state = "deleted"',
    list: list('/companies', followed),
    get: get('/companies'),
    changes: {
      path: '/companies/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: followed,
      cursor,
    },
  },
  'time in whole seconds': {
    resource: 'crm/leads',
    get: get('/leads'),
    list: list('/leads'),
    changes: {
      path: '/leads/changes',
      query: { since: '{since | iso_s}' },
      records: 'rows',
      page: { ...numbered, order: 'asc' },
      cursor: { ...cursor, bound: 'exclusive', precision: '1s' },
    },
  },
  'time, its own second left out': {
    resource: 'crm/products',
    isCalm: true,
    get: get('/products'),
    list: list('/products'),
    changes: {
      path: '/products/changes',
      query: { since: '{since | iso_s}' },
      records: 'rows',
      page: { ...numbered, order: 'asc' },
      cursor: { bound: 'exclusive', precision: '1s' },
    },
  },
  'a listing, then changes': {
    resource: 'crm/campaigns',
    isCalm: true,
    first: 'list',
    get: get('/campaigns'),
    list: list('/campaigns', totalled),
    changes: {
      path: '/campaigns/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: followed,
      cursor,
    },
  },
  'ids of what changed': {
    resource: 'crm/deals',
    get: get('/deals'),
    batch_get: { path: '/deals/many', query: { ids: "{ids | join(',')}" }, records: 'rows', max: 4 },
    list: list('/deals'),
    changes: {
      path: '/deals/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: followed,
      thin: true,
      cursor: { ...cursor, from: 'updated_at' },
    },
  },
  token: {
    resource: 'ticketing/tickets',
    deleted: 'state = "deleted"',
    get: get('/tickets'),
    list: list('/tickets'),
    changes: {
      path: '/tickets/delta',
      query: { token: '{cursor?}' },
      records: 'rows',
      page: followed,
      cursor: { kind: 'token', answer: 'delta' },
    },
  },
  'link of a token': {
    resource: 'files/files',
    deleted: 'state = "deleted"',
    get: get('/files'),
    list: list('/files'),
    changes: {
      path: '/files/delta',
      records: 'rows',
      page: { next: 'next', size: 5 },
      cursor: { kind: 'token', answer: 'delta', url: true },
    },
  },
  'rising id': {
    resource: 'crm/notes',
    get: get('/notes'),
    list: list('/notes'),
    changes: { path: '/notes/after', query: { after: '{cursor?}' }, records: 'rows', cursor: { kind: 'id' } },
  },
  'complete listing': {
    resource: 'hris/employees',
    get: get('/employees'),
    list: list('/employees', totalled),
  },
  'changes and deletions': {
    resource: 'crm/activities',
    get: get('/activities'),
    list: list('/activities'),
    changes: {
      path: '/activities/changes',
      query: { since: '{since | iso}' },
      records: 'rows',
      page: { ...numbered, order: 'asc' },
      cursor,
    },
    deletions: {
      path: '/activities/deleted',
      query: { since: '{since | iso}' },
      records: 'rows',
      id: 'ref',
      cursor: { from: 'at', as: 'time', ...cursor },
    },
  },
} as const;

export type Kind = keyof typeof kinds;

interface KindSpec {
  readonly resource: string;
  /** Whether no row comes late, no clock is wrong, and no page drifts: nothing but the guard at hand is at stake. */
  readonly isCalm?: boolean;
  readonly first?: string;
}

export const isToken = (kind: Kind) => kind === 'token' || kind === 'link of a token';
export const isListedFirst = (kind: Kind) => (kinds[kind] as KindSpec).first === 'list';
export const isCalm = (kind: Kind) => (kinds[kind] as KindSpec).isCalm === true;

/** Kinds that tell of each change, and of each end where `deleted` or a feed of deletions does; others need comparison. */
export const tellsChanges = (kind: Kind) => kind !== 'rising id';
export const tellsEnds = (kind: Kind) =>
  kind === 'complete listing' || 'deletions' in kinds[kind] || 'deleted' in kinds[kind];

export const kindNames = Object.keys(kinds) as readonly Kind[];

/** A provider with a resource of each kind of cursor, and a sync for each. */
export function convergingFeeds(only: readonly Kind[] = kindNames): Definition {
  const own = only.map((kind): KindSpec => kinds[kind]);
  const written = {
    name: 'feeds',
    title: 'Feeds',
    docs: 'https://feeds.example/docs',
    api: {
      base_url: 'https://api.feeds.example',
      credentials: { api_key: { key: 'The key.', sent: { headers: { Authorization: 'Token {credential.key}' } } } },
      errors: [{ when: { status: 410, json: 'error = "resync"' }, means: 'restart' }],
    },
    resources: Object.fromEntries(
      own.map((kind) => {
        const { resource, isCalm: _, first: __, ...calls } = kind;
        return [resource, { ...record, ...calls }];
      }),
    ),
    syncs: Object.fromEntries(
      own.map(({ resource, first }) => [
        resource.split('/')[1],
        // The test asks for the comparisons of all records, and any number of them may have gone.
        { resource, every: '1m', reconcile: 'off', max_missing: 1, ...(first === undefined ? {} : { first }) },
      ]),
    ),
  };
  const files = { file: 'integration.yaml', folder: 'feeds', read: () => undefined };
  const parsed = parseDefinition(JSON.stringify(written), files);
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults, undefined, 2));
  return parsed.definition;
}

const row = { id: 1, name: 'Ada', state: 'open', updated_at: '2026-11-20T09:00:00.000Z' };

function anExchange(resource: string, method: Exchanges['method'], body: unknown): Exchanges {
  const request = { method: 'GET', url: 'https://api.feeds.example/', headers: {} };
  const exchanges = [{ request, response: { status: 200, headers: {}, body } }];
  return { resource, method, account: { context: {} }, exchanges, name: `${resource}-${method}`, file: '' };
}

export function feedExchanges(only: readonly Kind[] = kindNames): readonly Exchanges[] {
  return only.flatMap((kind): readonly Exchanges[] => {
    const { resource } = kinds[kind];
    const listed = [anExchange(resource, 'list', { rows: [row], next: null, pages: 1 })];
    const read = [anExchange(resource, 'get', { row })];
    if (kind === 'token' || kind === 'link of a token')
      return [
        ...listed,
        ...read,
        anExchange(resource, 'changes', {
          rows: [row],
          next: null,
          delta: kind === 'token' ? 't' : 'https://api.feeds.example/files/delta?x=1',
        }),
      ];
    if (kind === 'changes and deletions')
      return [
        ...listed,
        ...read,
        anExchange(resource, 'deletions', { rows: [{ ref: '1', at: '2026-11-20T09:00:00.000Z' }] }),
      ];
    return [...listed, ...read];
  });
}
