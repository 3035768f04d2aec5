import { nearestName } from './nearest-name.ts';

/** Words of other tools and of everyday use, by what the language calls the same. */
const meantKeys: Readonly<Record<string, readonly string[]>> = {
  auth: ['credentials'],
  authentication: ['credentials'],
  authorization: ['credentials'],
  batch: ['batch_get'],
  body: ['json'],
  concurrency: ['concurrent'],
  condition: ['when'],
  config: ['context'],
  cursor_path: ['cursor'],
  data: ['json', 'records', 'record'],
  endpoint: ['path', 'base_url'],
  fetch: ['get', 'url'],
  fields: ['map'],
  host: ['base_url', 'hosts'],
  inputs: ['context'],
  frequency: ['every'],
  interval: ['every', 'per'],
  items: ['records'],
  mapping: ['map'],
  meaning: ['means'],
  pagination: ['page'],
  paging: ['page'],
  params: ['query'],
  parameters: ['query'],
  payload: ['json'],
  parent: ['depends_on'],
  patch: ['update'],
  period: ['per'],
  post: ['create'],
  rate_limit: ['limits'],
  rate_limits: ['limits'],
  read: ['get'],
  requests: ['calls'],
  response: ['record', 'records', 'json'],
  result: ['record', 'records'],
  results: ['records'],
  schedule: ['cron'],
  search: ['list'],
  secret: ['key', 'token', 'password'],
  uri: ['url'],
  url: ['base_url', 'path'],
  variables: ['context'],
  verb: ['method'],
  window: ['per'],
};

const meantValues: Readonly<Record<string, readonly string[]>> = {
  ascending: ['asc'],
  date: ['time'],
  datetime: ['time'],
  descending: ['desc'],
  ignore: ['empty', 'ok'],
  iso: ['time'],
  iso8601: ['time'],
  not_found: ['gone'],
  rate_limited: ['slow-down'],
  throttled: ['slow-down'],
  timestamp: ['epoch_s'],
  unauthorized: ['auth-failed'],
  unix: ['epoch_s'],
};

/** Sources of calls by what authors write in their place; those of webhooks are among them. */
const meantSources: Readonly<Record<string, string>> = {
  account: 'context',
  config: 'context',
  ctx: 'context',
  cursor: 'page.cursor',
  filters: 'filter',
  limit: 'page.size',
  offset: 'page.offset',
  params: 'filter',
  record: 'id',
  record_id: 'id',
  secret: 'credential',
  secrets: 'credential',
  updated_since: 'since',
};

/** The key that was meant by a misspelt one, or by a word of another tool. */
export function meantKey(written: string, keys: readonly string[]): string | undefined {
  return known(meantKeys, written, keys) ?? nearestName(written, keys);
}

/** The value that was meant, of the values that a key takes. */
export function meantValue(written: string, values: readonly string[]): string | undefined {
  return known(meantValues, written, values) ?? nearestName(written, values);
}

function known(
  meant: Readonly<Record<string, readonly string[]>>,
  written: string,
  names: readonly string[],
): string | undefined {
  const words = Object.hasOwn(meant, written.toLowerCase()) ? meant[written.toLowerCase()] : undefined;
  return words?.find((word) => names.includes(word));
}

const bareSources = ['method', 'url', 'path', 'body', 'form', 'json', 'item'];
const namedSources = ['header', 'headers', 'listed_headers', 'query', 'form', 'json', 'item', 'secret', 'var', 'jwt'];

/** What was meant by an unknown source, name or transform in a template, by the message of the fault. */
export function meantInTemplate(message: string): string | undefined {
  const [, transform, transforms = ''] = /^got the transform "([^"(]*).*?", expected one of (.*)$/s.exec(message) ?? [];
  if (transform !== undefined) return nearestName(transform, transforms.split(', '));
  const [, root, name = '', declared = ''] =
    /^got \{(context|credential)\.([^}]*)\}, expected a declared \w+: (.*)$/s.exec(message) ?? [];
  if (root !== undefined) return inBraces(root, nearestName(name, declared.split(', ')));
  const [, ofCall, sources = ''] =
    /^got \{(.*?)\}, expected \{<source>\} with one of the sources (.*)$/s.exec(message) ?? [];
  if (ofCall !== undefined) return meantSource(ofCall, sources.split(', '));
  const [, inner] = /^got \{(.*?)\}, expected \{method\}/s.exec(message) ?? [];
  const [, kind = '', rest = ''] = /^\s*([^.|?\s]*)\.?([^|?\s]*)/.exec(inner ?? '') ?? [];
  if (kind === '') return undefined;
  if (rest === '') return inBraces(nearestName(kind, bareSources));
  return inBraces(kind === 'headers' && !rest.endsWith('*') ? 'header' : nearestName(kind, namedSources), rest);
}

function meantSource(inner: string, sources: readonly string[]): string | undefined {
  const [, kind = '', rest = ''] = /^\s*([^.|?\s]*)\.?([^|?\s]*)/.exec(inner) ?? [];
  const meant = Object.hasOwn(meantSources, kind) ? meantSources[kind] : nearestName(kind, sources);
  // `{record.id}` is `{id}`, and `{cursor}` names its member already.
  const isWhole = meant === 'id' || meant?.includes('.') === true || rest === '';
  return isWhole ? inBraces(meant) : inBraces(meant, rest);
}

/** `{root.rest}`; undefined where a part is. */
function inBraces(...parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : `{${parts.join('.')}}`;
}

/** The listed name that is nearest to the one that a message got: `got "x", expected a call: a, b`. */
export function meantInList(message: string): string | undefined {
  const [, got, list] = /^got "([^"]*)", expected (?:[^:]*?: |one of )(.*)$/s.exec(message) ?? [];
  return got === undefined || list === undefined ? undefined : nearestName(got, list.split(', '));
}
