import { membersByKind } from '../provider/credentials/credential-values.ts';
import { type CallPlaceholder, parseCallTemplate, placeholdersIn } from '../provider/request/call-template.ts';
import { isSafeInQuery } from '../provider/request/call-transforms.ts';
import type { CallSource } from '../provider/request/call-values.ts';
import { callsOf, type DeclaredCall } from './calls-of.ts';
import { checkCallWords } from './check-call-words.ts';
import type { MeaningFault } from './meaning-fault.ts';
import type { Definition } from './schema.ts';

/** A placeholder of the provider's side, and its place. */
interface Used {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  readonly placeholder: CallPlaceholder;
}

/** Find faults of the provider's side: names that are not declared, calls that cannot work, values without quotes. */
export function checkProvider(definition: Definition): readonly MeaningFault[] {
  const calls = callsOf(definition);
  const { api, resources } = definition;
  if (api === undefined) {
    const [first] = calls;
    return first === undefined
      ? []
      : [{ path: first.path, message: 'got a call without `api`, expected where and how to call' }];
  }
  return [
    ...namesIn(definition),
    ...calls.flatMap((call) => checkCall(call, api.hosts)),
    ...namedCalls(definition, calls),
    ...Object.entries(resources ?? {}).flatMap(([name, { from }]) =>
      from === undefined || (from !== name && resources?.[from] !== undefined)
        ? []
        : [
            {
              path: ['resources', name, 'from'],
              message: `got "${from}", expected one of ${others(Object.keys(resources ?? {}), name)}`,
            },
          ],
    ),
    ...checkBase(api.base_url),
    ...checkClient(definition),
  ];
}

function others(names: readonly string[], own: string): string {
  return names.filter((name) => name !== own).join(', ') || 'none';
}

/** A context value may be a part of the host's name, or the whole URL. */
function checkBase(url: string): readonly MeaningFault[] {
  const isWhole = /^\{context\.[\w]+[^}]*\}/.test(url);
  return isWhole || /^https?:\/\/[^/]/.test(url)
    ? []
    : [
        {
          path: ['api', 'base_url'],
          message: `got "${url}", expected https://…, or a context value that holds the whole URL`,
        },
      ];
}

/** The vendor's client must not go to a host that a tenant names. */
function checkClient({ api, resources }: Definition): readonly MeaningFault[] {
  const oauth2 = api?.credentials.oauth2;
  const regions = Object.entries(oauth2?.regions ?? {}).flatMap(([region, own]) =>
    Object.entries(own).flatMap(([name, url]) =>
      url === undefined || hasOwnHost(url)
        ? []
        : [
            {
              path: ['api', 'credentials', 'oauth2', 'regions', region, name],
              message: `got "${url}", expected https://…, whose host ends with a name that is written here`,
            },
          ],
    ),
  );
  const urls = (['token_url', 'authorize_url'] as const).flatMap((name) =>
    oauth2 === undefined || hasOwnHost(oauth2[name])
      ? []
      : [
          {
            path: ['api', 'credentials', 'oauth2', name],
            message: `got "${oauth2[name]}", expected https://…, whose host ends with a name that is written here, because the vendor's client goes there`,
          },
        ],
  );
  const isOwn = api !== undefined && hasOwnHost(api.base_url);
  const readers = isOwn
    ? []
    : [...usedIn(api, ['api']), ...usedIn(resources, ['resources'])].filter(
        ({ path, placeholder }) => placeholder.root === 'client' && path[2] !== 'oauth2',
      );
  return [
    ...urls,
    ...regions,
    ...readers.map(({ path, placeholder }) => ({
      path,
      message: `got {${placeholder.text}} where the account names the host, expected a base_url whose host is written here`,
    })),
  ];
}

/** Whether a URL's host ends with a literal name of two labels, such as `.example.com`. */
function hasOwnHost(url: string): boolean {
  const host = /^https:\/\/([^/]*)/.exec(url.replace(/\{[^{}]*\}/g, '{}'))?.[1] ?? '';
  // After the last value comes a dot: `{name}example.com` would let a value end the name.
  const end = host.slice(host.lastIndexOf('}') + 1);
  return /^\.?(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?$/i.test(end) && (end === host || end.startsWith('.'));
}

/** Context values and credentials that templates read and nothing declares. */
function namesIn(definition: Definition): readonly MeaningFault[] {
  const { api, context, routing } = definition;
  const contexts = [...Object.keys(context ?? {}), ...(routing === undefined ? [] : [routing.account_context])];
  const members = Object.entries(api?.credentials ?? {}).flatMap(([kind, spec]) =>
    spec === undefined ? [] : membersOf(kind, spec),
  );
  return [...usedIn(api, ['api']), ...usedIn(definition.resources, ['resources'])].flatMap(({ path, placeholder }) => {
    const { root, path: names, text } = placeholder;
    const [name = ''] = names;
    const known = root === 'context' ? contexts : root === 'credential' ? members : undefined;
    if (known === undefined || known.includes(name)) return [];
    // Members that say how a kind works can be read, too, but they are not what an author means.
    const shown = root === 'context' ? known : known.filter((one) => !isWorking(api, one));
    return [
      { path, message: `got {${text}}, expected a declared ${root}: ${[...new Set(shown)].join(', ') || 'none'}` },
    ];
  });
}

/** Whether a member of credentials says how they work, and is not what accounts bring or tokens have. */
function isWorking(api: Definition['api'], name: string): boolean {
  return (
    !Object.values(membersByKind).some((members) => (members as readonly string[]).includes(name)) &&
    Object.values(api?.credentials ?? {}).some((spec) => spec !== undefined && Object.hasOwn(spec, name))
  );
}

const tokenMembers = ['access_token', 'refresh_token', 'expires_at'];

/** What credentials of a kind have. */
function membersOf(kind: string, spec: object): readonly string[] {
  const { token } = spec as { readonly token?: { readonly kept?: object } };
  // Of kinds with a token endpoint, `token` says how its answer is read; of the others it is what the account brings.
  const isBrought = typeof (token as unknown) === 'string';
  const own = Object.keys(spec).filter(
    (name) => !['sent', 'request', 'jwt'].includes(name) && (name !== 'token' || isBrought),
  );
  const kept = Object.keys(token?.kept ?? {});
  const isToken = kind.startsWith('oauth2') || kind === 'session';
  return [...own, ...kept, ...(isToken ? [...tokenMembers, 'client_id', 'client_secret'] : [])];
}

/** Members whose text is JSONata, a help or a name, and no template. */
const plainMembers: ReadonlySet<string> = new Set(
  `record records expect from answer more end last next keep deleted updated id map adapt graphql help errors
  limits version unfetchable volatile regions dead discover key username password token consumer_key
  consumer_secret token_secret private_key access_key_id secret_access_key region client_secret
  content_type scopes kept to size_to`.split(/\s+/),
);

function* usedIn(value: unknown, path: readonly PropertyKey[]): Generator<Used> {
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      const isPlain = typeof inner === 'string' && plainMembers.has(name) && !isFree(path);
      if (!isPlain && name !== 'errors' && name !== 'limits')
        yield* usedIn(inner, [...path, Array.isArray(value) ? Number(name) : name]);
    }
    return;
  }
  const parsed = typeof value === 'string' ? parseCallTemplate(value) : undefined;
  if (typeof value !== 'string' || parsed?.kind !== 'template') return;
  for (const placeholder of placeholdersIn(parsed.template)) yield { path, text: value, placeholder };
}

/** Whether the names of members are the author's own. */
function isFree(path: readonly PropertyKey[]): boolean {
  return path.some((name) =>
    ['query', 'headers', 'json', 'form', 'variables', 'where', 'params', 'token_params', 'claims'].includes(
      String(name),
    ),
  );
}

/** Sources that only some calls have. */
const sourcesOf: Readonly<Partial<Record<CallSource, readonly DeclaredCall['method'][]>>> = {
  id: ['get', 'update', 'delete'],
  ids: ['batch_get'],
  filter: ['list', 'changes', 'deletions'],
  since: ['changes', 'deletions'],
  until: ['changes', 'deletions'],
  cursor: ['changes', 'deletions'],
  page: ['list', 'changes', 'deletions'],
  where: ['list', 'changes', 'deletions'],
  body: ['create', 'update', 'delete'],
};

/** Values that come from callers, providers or tenants, so they must be quoted in a text of a query language. */
const foreign: ReadonlySet<CallSource> = new Set([
  'id',
  'ids',
  'address',
  'filter',
  'since',
  'until',
  'cursor',
  'page',
  'value',
  'context',
  'body',
]);

function checkCall(call: DeclaredCall, hosts: readonly string[]): readonly MeaningFault[] {
  const { path, method, spec } = call;
  const used = [...usedIn(spec, path)];
  const reads = (root: CallSource) => used.some(({ placeholder }) => placeholder.root === root);
  const faults: MeaningFault[] = used.flatMap(({ path: at, text, placeholder: { root, transforms, text: source } }) => {
    const methods = sourcesOf[root];
    if (methods !== undefined && !methods.includes(method))
      return [{ path: at, message: `got {${source}}, which only ${methods.join(', ')} can read` }];
    if (root === 'value' && !at.includes('where'))
      return [{ path: at, message: 'got {value}, which only conditions of `where` can read' }];
    if (foreign.has(root) && isLanguage(at, text) && !isSafeInQuery(transforms))
      return [
        {
          path: at,
          message: `got {${source}} within a text of a query language, expected a transform that makes it safe, such as quote(…), epoch_ms or number`,
        },
      ];
    return [];
  });
  if ((method === 'get' || method === 'delete') && !reads('id') && !reads('address'))
    faults.push({
      path,
      message:
        'got a call that reads neither {id} nor {address.…}, so it would be the same for all records; expected for example path: "/tickets/{id}"',
    });
  if (method === 'batch_get' && !reads('ids'))
    faults.push({
      path,
      message: `got a call that does not read {ids}, expected for example query: { ids: "{ids | join(',')}" }`,
    });
  const host = /^https?:\/\/([^/{]*)/.exec(spec.url ?? '')?.[1];
  if (spec.url !== undefined && host === undefined && hosts.length === 0)
    faults.push({
      path: [...path, 'url'],
      message: `got "${spec.url}", expected https://…, or a value and \`api.hosts\` that it may name; what is below base_url is a \`path\``,
    });
  return [...faults, ...checkCallWords(call, used)];
}

/** Whether a text is one of a query language: it is not a value by itself, and has blanks or quotes around values. */
function isLanguage(path: readonly PropertyKey[], text: string): boolean {
  const place = path.find((name) => ['query', 'text', 'json', 'form', 'variables', 'where'].includes(String(name)));
  if (place === undefined) return false;
  const literal = text.replace(/\{[^{}]*\}/g, '');
  return place === 'where' || place === 'text' || /[\s'"()=<>]/.test(literal);
}

/** Names of calls and limits that limits and errors mention. */
function namedCalls({ api }: Definition, calls: readonly DeclaredCall[]): readonly MeaningFault[] {
  if (api === undefined) return [];
  const names = new Set([
    'proxy',
    'token',
    'test',
    ...calls.flatMap(({ resource, method }) => (resource === undefined ? [] : [resource, `${resource}.${method}`])),
  ]);
  const unknown = (written: readonly string[] | undefined, path: readonly PropertyKey[]) =>
    (written ?? []).flatMap((name, index) =>
      names.has(name)
        ? []
        : [{ path: [...path, index], message: `got "${name}", expected a call: ${[...names].join(', ')}` }],
    );
  const limitNames = api.limits.map(({ name }) => name);
  return [
    ...api.limits.flatMap(({ of }, index) => unknown(of, ['api', 'limits', index, 'of'])),
    ...api.errors.flatMap(({ when, limit }, index) => [
      ...unknown(when.call, ['api', 'errors', index, 'when', 'call']),
      ...(limit === undefined || limitNames.includes(limit)
        ? []
        : [
            {
              path: ['api', 'errors', index, 'limit'],
              message: `got "${limit}", expected a limit: ${limitNames.join(', ') || 'none'}`,
            },
          ]),
    ]),
  ];
}
