import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { decodeBody } from '../../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { parseSource, parseTemplate, readPath, type Source } from '../../../lambdas/engine/template/template.ts';
import { authoringOf } from '../../../lambdas/engine/verification/check-authoring.ts';
import { checkIn, type VerifySpec } from '../../../lambdas/engine/verification/check-tree.ts';

/**
 * The parts of a request that its provider's scheme protects, and functions that change them: with these, a test that
 * knows only the definition forges requests.
 */

/** A part of a request that verification depends on. */
export interface RequestPart {
  /** Name in the definition: `body`, `header.X-Signature`. */
  readonly name: string;
  readonly source: Source;
  /** Text before the part within its source, and its terminator, if the part is not the whole source. */
  readonly after?: string | undefined;
  readonly until?: string | undefined;
  /** Separator of several proofs in one text; each is changed, because any of them may be valid. */
  readonly split?: string | undefined;
  /** Path of the list that `item` belongs to. */
  readonly items?: readonly string[];
}

export interface ProtectedParts {
  /** Signed parts. */
  readonly signed: readonly RequestPart[];
  /** Proofs: signatures and tokens. */
  readonly proofs: readonly RequestPart[];
}

/** The parts that the checks protect, each once. */
export function protectedParts(definition: WebhookDefinition, checks: readonly VerifySpec[]): ProtectedParts {
  const found = checks.map((check) => partsOf(definition, check));
  return {
    signed: unique(found.flatMap(({ signed }) => signed)),
    proofs: unique(found.flatMap(({ proofs }) => proofs)),
  };
}

function partsOf(definition: WebhookDefinition, check: VerifySpec): ProtectedParts {
  const parts = (template: string) => partsIn(definition, template);
  if (check.each !== undefined) {
    const list = parseSource(check.each.items);
    const items = list?.from === 'json' ? list.path : [];
    const inner = protectedParts(definition, innerChecks(check.each.verify));
    const within = (part: RequestPart) => (part.source.from === 'item' ? { ...part, items } : part);
    return { signed: inner.signed.map(within), proofs: inner.proofs.map(within) };
  }
  const named = checkIn(check);
  if (named === undefined) return { signed: [], proofs: [] };
  const { signed, proofs, split } = authoringOf(named.name).protects(named.spec);
  return {
    signed: signed.flatMap(({ template, items }) => {
      if (items === undefined) return parts(template);
      const list = parseSource(items);
      // With another value the item would belong to no token.
      return list?.from === 'json' ? parts(template).map((part) => ({ ...part, items: list.path })) : [];
    }),
    proofs: proofs.flatMap(parts).map((part) => (split === undefined ? part : { ...part, split })),
  };
}

/** The checks of an item; the first of alternatives and of cases, which samples use. */
function innerChecks(node: VerifySpec): readonly VerifySpec[] {
  const inner = node.all ?? (node.any ?? node.cases?.map(({ verify }) => verify))?.slice(0, 1);
  return inner?.flatMap(innerChecks) ?? [node];
}

function partsIn(definition: WebhookDefinition, template: string): readonly RequestPart[] {
  const parsed = parseTemplate(template);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part): readonly RequestPart[] => {
    if (!('source' in part) || part.source.from === 'secret' || part.source.from === 'jwt') return [];
    if (part.source.from !== 'var') return [{ name: part.text, source: part.source }];
    const variable = definition.webhook.vars[part.source.name];
    const from = partsIn(definition, variable?.from ?? '');
    return from.map((inner) => ({ ...inner, name: part.text, after: variable?.prefix, until: variable?.split }));
  });
}

function unique(parts: readonly RequestPart[]): readonly RequestPart[] {
  return [...new Map(parts.map((part) => [part.name, part])).values()];
}

/** The request with one part changed; undefined if it does not have the part. */
export function changePart(
  definition: WebhookDefinition,
  request: WebhookRequest,
  part: RequestPart,
): WebhookRequest | undefined {
  const { split } = part;
  return editPart(definition, request, part, (text) =>
    split === undefined ? change(text) : text.split(split).map(change).join(split),
  );
}

/** The request without one part; undefined if it does not have the part. */
export function removePart(
  definition: WebhookDefinition,
  request: WebhookRequest,
  part: RequestPart,
): WebhookRequest | undefined {
  return editPart(definition, request, part, () => undefined);
}

type Edit = (text: string) => string | undefined;

function editPart(
  definition: WebhookDefinition,
  request: WebhookRequest,
  part: RequestPart,
  edit: Edit,
): WebhookRequest | undefined {
  const { source } = part;
  switch (source.from) {
    case 'method':
      return { ...request, method: request.method === 'POST' ? 'PUT' : 'POST' };
    case 'url':
    case 'query':
      return withQuery(request, source.from === 'query' ? source.name : 'changed', edit);
    case 'path':
      return { ...request, path: `${request.path}x`, url: request.url.replace(/(?=\?|$)/, 'x') };
    case 'body':
    case 'form':
      return withBody(request, edit(request.body.toString('utf8')) ?? '');
    case 'header':
      return withHeader(request, source.name, within(part, edit));
    case 'headers': {
      const names = Object.keys(request.headers).filter((header) => header.startsWith(source.prefix));
      return whole(request, names, (edited, name) => withHeader(edited, name, edit));
    }
    case 'listed-headers': {
      const names = (request.headers[source.name] ?? '').split(',').map((name) => name.trim().toLowerCase());
      return whole(request, names, (edited, name) => withHeader(edited, name, edit));
    }
    case 'form-field': {
      const form = new URLSearchParams(request.body.toString('utf8'));
      const value = form.get(source.name);
      if (value === null) return undefined;
      form.set(source.name, edit(value) ?? '');
      return withBody(request, form.toString());
    }
    case 'json':
    case 'item': {
      const decoded = decodeBody(definition.webhook.decode, request, readXml);
      if (decoded.kind === 'malformed') return undefined;
      const [root] = source.from === 'json' ? [decoded.value] : [readPath(decoded.value, part.items ?? [])].flat();
      const values = [readPath(root, source.path)].flat();
      return whole(request, values, (edited, value) => withTextInBody(edited, value, edit));
    }
    case 'jwt':
    case 'var':
    case 'secret':
      return undefined;
  }
}

/** Edit each of several values; undefined if all are missing. */
function whole<T>(
  request: WebhookRequest,
  places: readonly T[],
  editOne: (request: WebhookRequest, place: T) => WebhookRequest | undefined,
): WebhookRequest | undefined {
  const edited = places.reduce((current, place) => editOne(current, place) ?? current, request);
  return edited === request ? undefined : edited;
}

/** Edit the text between a prefix and a separator, and keep the rest. */
function within({ after, until }: RequestPart, edit: Edit): Edit {
  if (after === undefined) return edit;
  return (text) => {
    const start = text.indexOf(after) + after.length;
    if (start < after.length) return edit(text);
    const end = until === undefined ? -1 : text.indexOf(until, start);
    const stop = end < 0 ? text.length : end;
    const edited = edit(text.slice(start, stop));
    return edited === undefined ? undefined : text.slice(0, start) + edited + text.slice(stop);
  };
}

function withHeader(request: WebhookRequest, name: string, edit: Edit): WebhookRequest | undefined {
  const { [name]: value, ...others } = request.headers;
  if (value === undefined) return undefined;
  const edited = edit(value);
  return { ...request, headers: edited === undefined ? others : { ...others, [name]: edited } };
}

function withQuery(request: WebhookRequest, name: string, edit: Edit): WebhookRequest {
  const query = new URLSearchParams(request.query);
  const edited = edit(query.get(name) ?? '');
  if (edited === undefined) query.delete(name);
  else query.set(name, edited);
  const text = query.toString();
  return { ...request, query: text, url: `${request.url.split('?', 1)[0]}${text === '' ? '' : `?${text}`}` };
}

/** Edit a value in the body, however the body writes it, and keep all other bytes. */
function withTextInBody(request: WebhookRequest, value: unknown, edit: Edit): WebhookRequest | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  const text = String(value);
  const body = request.body.toString('utf8');
  const written = [JSON.stringify(text).slice(1, -1), encodeURIComponent(text), text].find((form) =>
    body.includes(form),
  );
  if (text === '' || written === undefined) return undefined;
  return withBody(
    request,
    body.replaceAll(written, () => edit(written) ?? ''),
  );
}

function withBody(request: WebhookRequest, text: string): WebhookRequest {
  return { ...request, body: Buffer.from(text) };
}

/**
 * Another text of the same length and kind: a neighbour replaces one letter or digit. In a number it is the last, so
 * that a time stays fresh; in other texts one of the third quarter, because the last characters of a base64 text may
 * hold unused bits.
 */
function change(text: string): string {
  const start = /^\d+$/.test(text) ? text.length - 1 : Math.floor(text.length * 0.75);
  const isWord = (index: number) => /[A-Za-z0-9]/.test(text.charAt(index));
  const places = Array.from({ length: text.length }, (_, index) => index);
  const at = places.slice(start).find(isWord) ?? places.findLast(isWord);
  if (at === undefined) return `${text}x`;
  const old = text.charAt(at);
  const neighbour = /[0Aa]/.test(old) ? 1 : -1;
  return text.slice(0, at) + String.fromCharCode(old.charCodeAt(0) + neighbour) + text.slice(at + 1);
}
