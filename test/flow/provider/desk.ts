import { parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';

const map = '{ "id": $string(id), "title": subject, "status": status, "updated_at": updated_at }';

/** What the API of `desk` is, as an author writes it. */
const api = {
  base_url: 'https://{context.subdomain}.desk.example/v2',
  credentials: {
    api_key: { key: 'The key.', sent: { headers: { Authorization: 'Token {credential.key}' } } },
    oauth2: {
      authorize_url: 'https://login.desk.example/authorize',
      token_url: 'https://login.desk.example/token',
      scopes: ['read'],
      refresh: 'single-use',
    },
  },
  test: { call: { path: '/me' }, expect: 'ok = true' },
  limits: [
    { name: 'minute', calls: 10, per: '1m', remaining: '{header.x-remaining}' },
    { name: 'at_once', concurrent: 3 },
  ],
  errors: [
    { when: { status: 403, json: 'code = "plan"' }, means: 'forbidden' },
    { when: { status: 404, json: 'code = "hidden"' }, means: 'forbidden' },
    { when: { status: 200, json: 'code = "none"' }, means: 'empty' },
  ],
};

const tickets = {
  map,
  version: { from: 'updated_at', as: 'time' },
  get: { path: '/tickets/{id}', record: 'ticket' },
  batch_get: { path: '/tickets', query: { ids: "{ids | join(',')}" }, records: 'tickets', max: 5 },
  list: {
    path: '/tickets',
    query: { since: '{filter.updated_at.gte? | epoch_s}', status: '{filter.status?}' },
    records: 'tickets',
    page: { cursor: { from: 'next', to: 'query.cursor' } },
  },
};

/** A definition with an API, parsed as an author writes it. */
export function deskWith(
  change: { readonly api?: object; readonly tickets?: object; readonly webhook?: object } = {},
): Definition {
  const written = {
    name: 'desk',
    title: 'Desk',
    docs: 'https://desk.example/docs',
    context: { subdomain: 'Your name.' },
    api: { ...api, ...change.api },
    resources: { 'ticketing/tickets': { ...tickets, ...change.tickets } },
    ...change.webhook,
  };
  const files = { file: 'integration.yaml', folder: 'desk', read: () => undefined };
  const parsed = parseDefinition(JSON.stringify(written), files);
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults, undefined, 2));
  return parsed.definition;
}

export const desk = deskWith();

export function aTicket(id: number | string, change: object = {}) {
  return { id, subject: `Ticket ${id}`, status: 'open', updated_at: '2026-11-21T11:00:00Z', ...change };
}
