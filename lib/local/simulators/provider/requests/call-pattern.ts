import type { DeclaredCall } from '../../../../../lambdas/engine/definition/calls-of.ts';
import type { ApiSpec } from '../../../../../lambdas/engine/provider/language/api-schema.ts';
import type { CallSpec, PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { valueAt, withValueAt } from '../expressions/expression-place.ts';
import { type FieldsPattern, fieldsPattern } from './fields-pattern.ts';
import type { ProviderRequest } from './provider-request.ts';
import { type Bindings, readBindings } from './read-bindings.ts';
import { type Capture, pathOfUrlTemplate, type TemplatePattern, templatePattern } from './template-pattern.ts';
import { type TreeMatch, treePattern } from './tree-pattern.ts';

/** How well a request fits a call. The call with the most fixed text wins. */
export interface CallMatch {
  readonly bindings: Bindings;
  /** What the targets of `page` got: `number`, `offset`, `cursor`, `last`, `size`. */
  readonly page: Readonly<Record<string, string>>;
  /** Fixed characters of the path, fixed values elsewhere, values that were read; compared in this order. */
  readonly rank: readonly [number, number, number];
}

export interface CallPattern {
  readonly call: DeclaredCall;
  readonly name: string;
  /** Whether method and path of a request are of the call. */
  isAt(request: ProviderRequest): boolean;
  match(request: ProviderRequest): CallMatch | undefined;
}

/** The parameter with which the simulator's own links name a page. */
export const pageParameter = 'simulator_page';

type AnyCallSpec = CallSpec & { readonly page?: PageSpec | undefined };

/**
 * Compile a call to the pattern of its requests.
 *
 * @param ownBases - Base URLs of accounts that replace the definition's.
 * @returns Why that fails, for a person.
 */
export function callPattern(api: ApiSpec, call: DeclaredCall, ownBases: readonly string[] = []): CallPattern | string {
  const spec: AnyCallSpec = call.spec;
  // A question mark in braces marks an optional value.
  const [, path = '', fixedQuery = ''] = /^((?:\{[^}]*\}|[^?{])*)\??(.*)$/s.exec(spec.url ?? spec.path ?? '') ?? [];
  const paths = pathPatterns(api, ownBases, spec.url === undefined ? { path } : { url: path });
  if (paths === undefined) return 'its whole URL is one value, so its requests cannot be told from others';
  const targets = targetsOf(spec.page);
  const query = fieldsPattern({
    templates: { ...api.query, ...spec.query },
    fixed: [...new URLSearchParams(fixedQuery)],
    ignored: [pageParameter, ...sentInQuery(api)],
    keep: spec.page?.keep,
  });
  const headers = headersPattern(spec);
  const body = bodyPattern(spec, targets);
  const method = spec.graphql === undefined ? spec.method : 'POST';
  const isAt = (request: ProviderRequest) =>
    request.method === method && paths.some((pattern) => pattern.match(request.path) !== undefined);
  const match = (request: ProviderRequest): CallMatch | undefined => {
    if (request.method !== method) return undefined;
    const taken = takeTargets(targets, request, spec);
    const isFollowing =
      Object.keys(taken.page).some((name) => name !== 'size') || request.query.some(([name]) => name === pageParameter);
    const parts = [query(taken.query, isFollowing), headers(request), body(request, taken)];
    for (const pattern of paths) {
      const inPath = pattern.match(request.path);
      if (inPath === undefined || parts.includes(undefined)) continue;
      const found = parts as readonly TreeMatch[];
      const captures = [...inPath, ...found.flatMap(({ captures }) => captures)];
      const bindings = readBindings(captures);
      if (bindings === undefined) continue;
      const literals = found.reduce((sum, part) => sum + part.literals, 0);
      const fixed = pattern.literalLength + defaultedLength(inPath);
      return { bindings, page: taken.page, rank: [fixed, literals, bindings.size] };
    }
    return undefined;
  };
  return { call, name: nameOfCall(call), isAt, match };
}

/** Characters of values that are their defaults: fixed text, as far as a request tells. */
function defaultedLength(captures: readonly Capture[]): number {
  const isDefault = ({ placeholder: { transforms }, result }: Capture) =>
    transforms.some(({ name, arguments: [text] }) => name === 'default' && text === result);
  return captures.filter(isDefault).reduce((sum, { result }) => sum + String(result).length, 0);
}

/** `ticketing/tickets.list`, or `test` for a call of accounts. */
export function nameOfCall({ resource, method }: DeclaredCall): string {
  return resource === undefined ? method : `${resource}.${method}`;
}

/** Patterns of a call's path: below each base URL, and below a base URL without a path. */
function pathPatterns(
  { base_url: base, regions = {} }: ApiSpec,
  ownBases: readonly string[],
  written: { readonly path: string } | { readonly url: string },
): readonly TemplatePattern[] | undefined {
  if ('url' in written) {
    const found = pathOfUrlTemplate(written.url);
    return found && [templatePattern(found.text === '' ? '/' : found.text, { ...found, isPath: true })];
  }
  const below = written.path === '' || written.path.startsWith('/') ? written.path : `/${written.path}`;
  const bases = [base, ...Object.values(regions), ...ownBases].map(
    (one) => pathOfUrlTemplate(one) ?? { text: '', hasAnyStart: true },
  );
  const all = [...bases, { text: '', hasAnyStart: false }].map(({ text, hasAnyStart }) => ({
    text: `${text.replace(/\/+$/, '')}${below}`,
    hasAnyStart,
  }));
  return all.map(({ text, hasAnyStart }) => templatePattern(text === '' ? '/' : text, { isPath: true, hasAnyStart }));
}

interface Target {
  readonly name: string;
  readonly place: string;
  readonly path: readonly string[];
}

function targetsOf(page: PageSpec | undefined): readonly Target[] {
  const written = [
    ['number', page?.number?.to],
    ['offset', page?.offset?.to],
    ['cursor', page?.cursor?.to],
    ['last', page?.last?.to],
    ['size', page?.size_to],
  ] as const;
  return written.flatMap(([name, to]): Target | readonly Target[] => {
    const [place = '', ...path] = to?.split('.') ?? [];
    return to === undefined ? [] : { name, place, path };
  });
}

interface Taken {
  readonly page: Readonly<Record<string, string>>;
  readonly query: ProviderRequest['query'];
  readonly form: ProviderRequest['form'];
  readonly json: unknown;
}

/** Remove the page's values from a request. The call's templates made the rest. */
function takeTargets(targets: readonly Target[], request: ProviderRequest, spec: AnyCallSpec): Taken {
  const page: Record<string, string> = {};
  let { query, form, json } = request;
  for (const { name, place, path } of targets) {
    const field = path.join('.');
    const tree = place === 'variables' ? ['variables', ...path] : path;
    const value =
      place === 'query'
        ? query.find(([one]) => one === field)?.[1]
        : place === 'form'
          ? form.find(([one]) => one === field)?.[1]
          : place === 'header'
            ? request.headers[field.toLowerCase()]
            : valueAt(json, tree);
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    page[name] = String(value);
    // Keep a parameter that the call's templates write, too.
    if (place === 'query' && !Object.hasOwn(spec.query ?? {}, field)) query = query.filter(([one]) => one !== field);
    if (place === 'form') form = form.filter(([one]) => one !== field);
    if (place === 'json' || place === 'variables') json = withoutMember(json, tree, spec, place);
  }
  return { page, query, form, json };
}

/** Remove a member, and the objects that are empty without it, unless the call has them. */
function withoutMember(json: unknown, path: readonly string[], spec: AnyCallSpec, place: string): unknown {
  const removed = withValueAt(json, path, undefined);
  const parent = path.slice(0, -1);
  const own = place === 'variables' ? { variables: spec.variables ?? {} } : spec.json;
  const holder = valueAt(removed, parent);
  const isEmpty = typeof holder === 'object' && holder !== null && Object.keys(holder).length === 0;
  if (parent.length === 0) return isEmpty && spec.json === undefined ? undefined : removed;
  return isEmpty && valueAt(own, parent) === undefined ? withoutMember(removed, parent, spec, place) : removed;
}

/** Headers of the call that read a value; those that every call sends are not compared. */
function headersPattern({ headers = {} }: AnyCallSpec): (request: ProviderRequest) => TreeMatch | undefined {
  const patterns = Object.entries(headers).map(([name, text]) => [name.toLowerCase(), templatePattern(text)] as const);
  return (request) => {
    const captures: Capture[] = [];
    for (const [name, pattern] of patterns) {
      const value = request.headers[name];
      const found = value === undefined ? undefined : pattern.match(value);
      if (found === undefined && !(value === undefined && pattern.isOptional)) return undefined;
      captures.push(...(found ?? []));
    }
    return { captures, literals: patterns.length };
  };
}

function bodyPattern(spec: AnyCallSpec, targets: readonly Target[]) {
  const none: TreeMatch = { captures: [], literals: 0 };
  if (spec.graphql !== undefined) {
    const variables = treePattern(spec.variables ?? {});
    const graphql = withoutLayout(spec.graphql);
    return (_: ProviderRequest, { json }: Taken): TreeMatch | undefined => {
      if (withoutLayout(textOf(valueAt(json, ['query'])) ?? '') !== graphql) return undefined;
      const found = variables(valueAt(json, ['variables']) ?? {});
      return found && { ...found, literals: found.literals + 1 };
    };
  }
  if (spec.json !== undefined) {
    const tree = treePattern(spec.json);
    return (_: ProviderRequest, { json }: Taken) => tree(json);
  }
  if (spec.form !== undefined) {
    const fields: FieldsPattern = fieldsPattern({ templates: spec.form, fixed: [], ignored: [], keep: undefined });
    return (_: ProviderRequest, { form }: Taken) => fields(form, false);
  }
  if (spec.text !== undefined) {
    const pattern = templatePattern(spec.text);
    return ({ text }: ProviderRequest): TreeMatch | undefined => {
      const captures = pattern.match(text);
      return captures && { captures, literals: 1 };
    };
  }
  const hasOwnBody = targets.some(({ place }) => place === 'json' || place === 'form');
  return ({ text }: ProviderRequest) => (text === '' || hasOwnBody ? none : undefined);
}

/** White space and commas mean nothing in GraphQL, and formatters change them. */
function withoutLayout(query: string): string {
  const spaced = query.replace(/"(?:[^"\\]|\\.)*"|[\s,]+/g, (part) => (part.startsWith('"') ? part : ' '));
  return spaced.replace(/ ?([{}():!=|[\]]) ?/g, '$1').trim();
}

/** Parameters that carry credentials. */
function sentInQuery({ credentials }: ApiSpec): readonly string[] {
  return Object.values(credentials).flatMap((kind) =>
    kind !== undefined && 'sent' in kind ? Object.keys(kind.sent?.query ?? {}) : [],
  );
}
