import type { ApiSpec } from '../language/api-schema.ts';
import type { CallSpec, PageSpec } from '../language/call-schema.ts';
import { baseUrlOf, lackingMessage } from './base-url.ts';
import { renderCallTemplate, toCallTemplate } from './call-template.ts';
import { textOf } from './call-transforms.ts';
import type { CallValues } from './call-values.ts';
import { mayVisit } from './may-visit.ts';
import { type PagePosition, pageTargets, pageValues } from './page-position.ts';
import { renderTree } from './render-tree.ts';
import { whereOf } from './where.ts';

/** A call as it is sent, before it carries credentials. */
export interface PreparedCall {
  readonly method: CallSpec['method'];
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export type Preparation =
  | { readonly kind: 'call'; readonly call: PreparedCall }
  /** The call cannot be made; the message is for the owner of the account, and quotes no value. */
  | { readonly kind: 'fault'; readonly message: string };

export interface CallInput {
  readonly values: CallValues;
  /** The account's own base URL. */
  readonly baseUrl?: string | undefined;
  /** @default the first page */
  readonly position?: PagePosition | undefined;
}

/** Longest URL that is sent; common servers refuse longer ones. */
const maxUrlCharacters = 8_000;

/** A value that cannot be rendered. */
class CallFault extends Error {}

/** Build the request of a call. */
export function prepareCall(
  api: ApiSpec,
  spec: CallSpec & { readonly page?: PageSpec | undefined },
  { values, baseUrl, position = { kind: 'first' } }: CallInput,
): Preparation {
  const base = baseUrlOf(api, values, baseUrl);
  if (base.kind === 'fault') return base;
  const filled = { ...values, page: pageValues(spec.page, position) };
  const where = whereOf(spec, filled);
  if (where.kind === 'missing') return { kind: 'fault', message: lackingMessage(where.source) };
  const all: CallValues = { ...filled, where: where.text };
  try {
    return { kind: 'call', call: build(api, spec, all, base.url, position) };
  } catch (error) {
    if (error instanceof CallFault) return { kind: 'fault', message: error.message };
    throw error;
  }
}

function build(
  api: ApiSpec,
  spec: CallSpec & { readonly page?: PageSpec | undefined },
  values: CallValues,
  base: string,
  position: PagePosition,
): PreparedCall {
  const url = urlOf(api, spec, values, base, position);
  const headers = headersOf(api, spec, values);
  const targets = pageTargets(spec.page, position);
  const trees = { json: treeOf(spec.json, values), variables: treeOf(spec.variables, values) };
  const form = textsOf(spec.form ?? {}, values);
  for (const [target, value] of targets) {
    const [place = '', ...path] = target.split('.');
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (place === 'query') url.searchParams.set(path.join('.'), text);
    else if (place === 'header') headers[path.join('.').toLowerCase()] = text;
    else if (place === 'form') form[path.join('.')] = text;
    else if (place === 'json' || place === 'variables') trees[place] = setIn(trees[place], path, value);
  }
  if (url.href.length > maxUrlCharacters) throw new CallFault(`its URL has more than ${maxUrlCharacters} characters`);
  const body = bodyOf(spec, trees, form, values);
  return {
    method: spec.graphql === undefined ? spec.method : 'POST',
    url: url.href,
    headers: body === undefined ? headers : { 'content-type': body.type, ...headers },
    body: body?.text,
  };
}

function urlOf(
  api: ApiSpec,
  spec: CallSpec & { readonly page?: PageSpec | undefined },
  values: CallValues,
  base: string,
  position: PagePosition,
): URL {
  const isFollowing = position.kind === 'url';
  const url = isFollowing ? visited(api, base, position.url) : ownUrl(api, spec, values, base);
  const keep = spec.page?.keep ?? (isFollowing ? 'none' : 'all');
  for (const [name, value] of queryOf(api, spec, values)) {
    const isKept = keep === 'all' || (keep !== 'none' && keep.includes(name)) || position.kind === 'first';
    if (isKept && !(isFollowing && url.searchParams.has(name)))
      for (const one of value) url.searchParams.append(name, one);
  }
  return url;
}

/** A link may be relative to the base. */
function visited(api: ApiSpec, base: string, link: string): URL {
  const url = URL.canParse(link, `${base}/`) ? new URL(link, `${base}/`) : undefined;
  if (url === undefined || !mayVisit(api, base, url))
    throw new CallFault('its next page is on a host that the definition does not name');
  return url;
}

function ownUrl(api: ApiSpec, spec: CallSpec, values: CallValues, base: string): URL {
  const written = spec.url ?? spec.path ?? '';
  const isWhole = spec.url !== undefined && written.startsWith('{');
  const text = rendered(written, values, isWhole ? undefined : encodePart) ?? '';
  const joined = spec.url === undefined ? `${base}${text === '' || text.startsWith('/') ? '' : '/'}${text}` : text;
  if (!URL.canParse(joined)) throw new CallFault('its URL is not valid');
  const url = new URL(joined);
  if (isWhole && !mayVisit(api, base, url))
    throw new CallFault('its URL is on a host that the definition does not name');
  return url;
}

/** `.` and `..` navigate in a path, in any encoding. */
function encodePart(text: string): string {
  if (/^\.{1,2}$/.test(text)) throw new CallFault('a value of its path navigates');
  return encodeURIComponent(text);
}

function queryOf(api: ApiSpec, spec: CallSpec, values: CallValues): readonly (readonly [string, readonly string[]])[] {
  return Object.entries({ ...api.query, ...spec.query }).flatMap(
    ([name, template]): readonly (readonly [string, readonly string[]])[] => {
      if (typeof template !== 'string') return [[name, [String(template)]]];
      const value = renderCallTemplate(toCallTemplate(template), values);
      if (value.kind === 'missing') throw new CallFault(lackingMessage(value.source));
      if (value.kind === 'unset') return [];
      const texts = (Array.isArray(value.value) ? value.value : [value.value]).map(textOf);
      if (texts.some((text) => text === undefined))
        throw new CallFault(`the parameter "${name}" is neither text nor a list of texts`);
      return [[name, texts as string[]]];
    },
  );
}

function headersOf(api: ApiSpec, spec: CallSpec, values: CallValues): Record<string, string> {
  const headers: Record<string, string> = { accept: api.accept };
  for (const [name, value] of Object.entries(textsOf({ ...api.headers, ...spec.headers }, values))) {
    // A line break would add a header.
    if (!/^[\t\x20-\x7e]*$/.test(value))
      throw new CallFault(`the header "${name}" has characters that headers cannot have`);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function textsOf(templates: Readonly<Record<string, string>>, values: CallValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).flatMap(([name, template]) => {
      const text = rendered(template, values);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** @returns Undefined where an optional part has no value. */
function rendered(template: string, values: CallValues, encode?: (text: string) => string): string | undefined {
  const value = renderCallTemplate(toCallTemplate(template), values, encode);
  if (value.kind === 'missing') throw new CallFault(lackingMessage(value.source));
  if (value.kind === 'unset') return undefined;
  const text = textOf(value.value) ?? JSON.stringify(value.value);
  const parts = toCallTemplate(template).parts;
  return encode !== undefined && parts.length === 1 && typeof parts[0] === 'object' ? encode(text) : text;
}

function treeOf(tree: unknown, values: CallValues): unknown {
  if (tree === undefined) return undefined;
  const value = renderTree(tree, values);
  if (value.kind === 'missing') throw new CallFault(lackingMessage(value.source));
  return value.kind === 'value' ? value.value : undefined;
}

function bodyOf(
  spec: CallSpec,
  trees: { readonly json: unknown; readonly variables: unknown },
  form: Readonly<Record<string, string>>,
  values: CallValues,
): { readonly type: string; readonly text: string } | undefined {
  if (spec.graphql !== undefined)
    return {
      type: 'application/json',
      text: JSON.stringify({ query: spec.graphql, variables: trees.variables ?? {} }),
    };
  if (trees.json !== undefined) return { type: 'application/json', text: JSON.stringify(trees.json) };
  if (spec.form !== undefined || Object.keys(form).length > 0)
    return { type: 'application/x-www-form-urlencoded', text: new URLSearchParams(form).toString() };
  if (spec.text === undefined) return undefined;
  return { type: spec.content_type ?? 'text/plain', text: rendered(spec.text, values) ?? '' };
}

function setIn(tree: unknown, [name = '', ...rest]: readonly string[], value: unknown): unknown {
  const holder = typeof tree === 'object' && tree !== null && !Array.isArray(tree) ? tree : {};
  const inner = (holder as Readonly<Record<string, unknown>>)[name];
  return { ...holder, [name]: rest.length === 0 ? value : setIn(inner, rest, value) };
}
