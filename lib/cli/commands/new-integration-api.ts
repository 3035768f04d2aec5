import { type Answers, singularOf } from './new-integration-answers.ts';
import { type AuthKind, authKinds, contextNames } from './new-integration-auth.ts';

const quoted = (text: string) => JSON.stringify(text);

/** The part of a definition that says how the provider is called. */
export function apiText({ title, auth, resource, 'base-url': baseUrl }: Answers): readonly string[] {
  const plural = resource.split('/')[1] ?? resource;
  const names = contextNames(baseUrl);
  // The vendor's client must not go to a host that an account names.
  const origin = /^https:\/\/[^/]*\.[^/]*/.exec(baseUrl)?.[0] ?? 'https://login.example.com';
  return [
    ...(names.length === 0
      ? []
      : [
          'context:',
          '  # What an account must bring, with a line of help for its owner.',
          ...names.map(
            (name) =>
              `  ${name}: ${quoted(`The ${name} of the account at ${title}, as in ${baseUrl.replace(/\{context\.([^}]*)\}/g, '<$1>')}.`)}`,
          ),
          '',
        ]),
    'api:',
    `  base_url: ${quoted(baseUrl)}`,
    '  credentials:',
    `    ${auth}:`,
    ...authKinds[auth as AuthKind].declared(title, origin).map((line) => `      ${line}`),
    '  # A call that fails with wrong credentials, and reads little.',
    '  test: { call: { path: /me } }',
    '  limits:',
    '    # What answers say wins: remaining: "{header.x-ratelimit-remaining}"',
    '    - { name: minute, calls: 60, per: 1m }',
    '  # What answers mean, where their status does not say it:',
    '  # errors:',
    `  #   - { when: { status: 403, json: 'code = "quota"' }, means: slow-down, retry_after: 1m }`,
    '',
    'resources:',
    `  ${resource}:`,
    "    # From the provider's record to the data of the resource.",
    `    map: ${mapFile(resource)}`,
    '    # Of two states of a record, the later one wins.',
    '    version: { from: updated_at, as: time }',
    `    get: { path: "/${plural}/{id}" }`,
    '    list:',
    `      path: /${plural}`,
    '      # A filter that readers may give. Without a value, the parameter is left out.',
    '      query: { updated_since: "{filter.updated_at.gte? | iso}" }',
    '      records: data',
    '      page: { cursor: { from: next_cursor, to: query.cursor }, size: 100, size_to: query.limit }',
    '',
  ];
}

/** The file of the mapping from the provider's record. */
export function mapFile(resource: string): string {
  return `${singularOf(resource)}-record.jsonata`;
}

export function recordMapText(resource: string): string {
  return `{
  /* The shape is that of integrations/resources/${resource}.json; put other members under custom_fields. */
  "id": $string(id)
}
`;
}

/** The record of samples and exchanges. */
export function exampleRecord(id: string): Readonly<Record<string, unknown>> {
  return { id, name: 'Ada Example', updated_at: '2026-11-29T12:00:00Z' };
}

/** Calls with invented answers, by the name of their file, without what is expected of them. */
export function exchangesOf({ auth, resource, 'base-url': baseUrl }: Answers): Readonly<Record<string, object>> {
  const plural = resource.split('/')[1] ?? resource;
  const { members, header } = authKinds[auth as AuthKind];
  const value = (name: string) => (baseUrl.startsWith(`{context.${name}`) ? 'https://acme.example.com' : 'acme');
  const context = Object.fromEntries(contextNames(baseUrl).map((name) => [name, value(name)]));
  const base = baseUrl.replace(/\{context\.([^}|?]*)[^}]*\}/g, (_, name: string) => value(name.trim()));
  const account = {
    ...(Object.keys(context).length === 0 ? {} : { context }),
    credentials: { type: auth, ...members },
  };
  const exchange = (path: string, body: object) => ({
    request: { url: `${base}${path}`, headers: { [header[0]]: header[1] } },
    response: { status: 200, headers: {}, body },
  });
  const query = (cursor: object) =>
    new URLSearchParams({ updated_since: '2026-11-01T00:00:00.000Z', ...cursor, limit: '100' }).toString();
  return {
    'credentials.json': { method: 'test', account, exchanges: [exchange('/me', { id: '1' })] },
    [`${singularOf(resource)}-get.json`]: {
      resource,
      method: 'get',
      id: '1001',
      account,
      exchanges: [exchange(`/${plural}/1001`, exampleRecord('1001'))],
    },
    [`${plural}-list.json`]: {
      resource,
      method: 'list',
      filter: { updated_at: { gte: '2026-11-01T00:00:00Z' } },
      account,
      exchanges: [
        exchange(`/${plural}?${query({})}`, { data: [exampleRecord('1001')], next_cursor: 'page-2' }),
        exchange(`/${plural}?${query({ cursor: 'page-2' })}`, { data: [exampleRecord('1002')] }),
      ],
    },
  };
}
