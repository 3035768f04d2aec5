import { applyTransform, parseTransform, type Transform } from './transforms.ts';

/**
 * Templates: strings in a definition that read parts of the request, for example
 * `v0:{header.X-Slack-Request-Timestamp}:{body}`. A part can be optional (`{header.X-Id?}` is empty if the
 * header is missing) and can pass through transforms (`{body | sha256}`). Write a brace as `{{` or `}}`.
 *
 * The engine parses a template once per definition and renders it once per request, to bytes: the MAC
 * must cover the received bytes, never a decoded and re-encoded copy.
 */

/** The part of a request or definition that a placeholder reads. */
export type Source =
  | { readonly from: 'method' | 'url' | 'path' | 'body' | 'form' }
  | { readonly from: 'header' | 'query' | 'secret' | 'var'; readonly name: string }
  /** All headers with this prefix. */
  | { readonly from: 'headers'; readonly prefix: string }
  /** The headers that this header lists, as `name:value` pairs joined by `;`. */
  | { readonly from: 'listed-headers'; readonly name: string }
  /** A part of the token that a `jwt` check reads. */
  | { readonly from: 'jwt'; readonly part: 'header' | 'claims'; readonly path: readonly string[] }
  | { readonly from: 'json' | 'item'; readonly path: readonly string[] }
  | { readonly from: 'form-field'; readonly name: string };

export interface Placeholder {
  readonly source: Source;
  readonly optional: boolean;
  readonly transforms: readonly Transform[];
  /** The source as written, for messages. */
  readonly text: string;
}

export type TemplatePart = { readonly literal: string } | Placeholder;

export interface Template {
  readonly parts: readonly TemplatePart[];
}

/** Input of a template: the received request, its decoded body, and the secrets and variables of the definition. */
export interface TemplateInput {
  readonly method: string;
  /** The public URL as the provider called it, query included. */
  readonly url: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** The decoded body; undefined if it could not be decoded. */
  readonly decoded: unknown;
  /** By secret name, the value that the check tries. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  /** Whether the sender is unknown. Then a secret signs a value of the request only if it has the form of a token. */
  readonly isUnverified?: boolean;
  /** The current item, within `each`. */
  readonly item?: unknown;
  /** The current token, within `jwt`. */
  readonly jwt?: { readonly header: unknown; readonly claims: unknown };
}

export type ParsedTemplate =
  | { readonly kind: 'template'; readonly template: Template }
  | { readonly kind: 'fault'; readonly message: string };

export type Rendered =
  | { readonly kind: 'value'; readonly chunks: readonly (string | Buffer)[] }
  /** A part that the request lacks, as written in the template: `header.X-Signature`. */
  | { readonly kind: 'missing'; readonly source: string };

const bareSources = ['method', 'url', 'path', 'body', 'form'] as const;
const forms =
  '{method}, {url}, {path}, {body}, {header.<Name>}, {headers.<Prefix>*}, {listed_headers.<Name>}, {query.<name>}, {form.<name>}, {json.<path>}, {item.<path>}, {secret.<name>}, {var.<name>} or {jwt.header.<name>} and {jwt.claims.<name>} within jwt';

/** Parse a template; the fault's message shows the text and the allowed forms. */
export function parseTemplate(text: string): ParsedTemplate {
  const parts: TemplatePart[] = [];
  let literal = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if ((character === '{' || character === '}') && text[at + 1] === character) {
      literal += character;
      at += 1;
    } else if (character === '}') {
      return { kind: 'fault', message: `a "}" without "{" at character ${at + 1}; write "}}" for the brace itself` };
    } else if (character === '{') {
      const end = text.indexOf('}', at);
      // A placeholder cannot contain a brace, so the brace before it is not closed.
      if (end < 0 || text.slice(at + 1, end).includes('{'))
        return { kind: 'fault', message: `a "{" without "}" at character ${at + 1}; write "{{" for the brace itself` };
      const placeholder = parsePlaceholder(text.slice(at + 1, end));
      if (typeof placeholder === 'string') return { kind: 'fault', message: placeholder };
      if (literal !== '') parts.push({ literal });
      literal = '';
      parts.push(placeholder);
      at = end;
    } else {
      literal += character;
    }
  }
  if (literal !== '') parts.push({ literal });
  return { kind: 'template', template: { parts } };
}

/** Parse the text between two braces. @returns A fault's message if it is not a placeholder. */
function parsePlaceholder(inner: string): Placeholder | string {
  const [head = '', ...pipeline] = inner.split('|').map((part) => part.trim());
  const optional = head.endsWith('?');
  const name = optional ? head.slice(0, -1) : head;
  const source = parseSource(name);
  if (source === undefined) return `got {${inner}}, expected ${forms}`;
  const transforms: Transform[] = [];
  for (const written of pipeline) {
    const transform = parseTransform(written);
    if (typeof transform === 'string') return transform;
    transforms.push(transform);
  }
  return { source, optional, transforms, text: name };
}

/** Parse the name of a source, such as `header.X-Name`; undefined if it is not a source. */
export function parseSource(name: string): Source | undefined {
  const bare = bareSources.find((source) => source === name);
  if (bare !== undefined) return { from: bare };
  if (name === 'json' || name === 'item') return { from: name, path: [] };
  const dot = name.indexOf('.');
  const rest = name.slice(dot + 1);
  if (dot < 0 || rest === '') return undefined;
  const kind = name.slice(0, dot);
  switch (kind) {
    case 'header':
      return { from: 'header', name: rest.toLowerCase() };
    case 'headers':
      return rest.endsWith('*') ? { from: 'headers', prefix: rest.slice(0, -1).toLowerCase() } : undefined;
    case 'listed_headers':
      return { from: 'listed-headers', name: rest.toLowerCase() };
    case 'query':
    case 'secret':
    case 'var':
      return { from: kind, name: rest };
    case 'jwt': {
      const [part, ...path] = rest.split('.');
      return (part === 'header' || part === 'claims') && path.length > 0 ? { from: kind, part, path } : undefined;
    }
    case 'form':
      return { from: 'form-field', name: rest };
    case 'json':
    case 'item':
      return { from: kind, path: rest.split('.') };
    default:
      return undefined;
  }
}

/** Render to chunks, so a large body is hashed in place and not copied. */
export function renderTemplate(template: Template, input: TemplateInput): Rendered {
  const chunks: (string | Buffer)[] = [];
  for (const part of template.parts) {
    if ('literal' in part) {
      chunks.push(part.literal);
      continue;
    }
    const chunk = renderPlaceholder(part, input);
    if (chunk === undefined) return { kind: 'missing', source: part.text };
    chunks.push(chunk);
  }
  return { kind: 'value', chunks };
}

/** Render to text; a body is read as UTF-8. */
export function renderText(template: Template, input: TemplateInput): string | undefined {
  const rendered = renderTemplate(template, input);
  if (rendered.kind === 'missing') return undefined;
  return rendered.chunks.map((chunk) => chunk.toString()).join('');
}

/**
 * Render all values of a template. A template with a single placeholder that reads a list (several
 * headers, a JSON list) has one value per element; any other template has one value.
 */
export function renderAll(template: Template, input: TemplateInput): readonly string[] {
  const [only, ...others] = template.parts;
  if (only !== undefined && 'source' in only && others.length === 0) {
    const value = readSource(only.source, input);
    if (Array.isArray(value))
      return value.flatMap((element: unknown) => {
        const text = transformed(only, element, input);
        return text === undefined ? [] : [text.toString()];
      });
  }
  const text = renderText(template, input);
  return text === undefined ? [] : [text];
}

function renderPlaceholder(part: Placeholder, input: TemplateInput): string | Buffer | undefined {
  return transformed(part, readSource(part.source, input), input) ?? (part.optional ? '' : undefined);
}

function transformed(part: Placeholder, value: unknown, input: TemplateInput): string | Buffer | undefined {
  let current: string | Buffer | undefined = Buffer.isBuffer(value) ? value : textOf(value);
  for (const transform of part.transforms) {
    if (current === undefined) return undefined;
    if (transform.secret !== undefined && input.isUnverified === true && !isToken(current)) return undefined;
    current = applyTransform(transform, current, input.secrets);
  }
  return current;
}

/** Whether a value has the form of a token, and so cannot be a body or another text that a provider signs. */
function isToken(value: string | Buffer): boolean {
  return /^[\w.~+/-]{1,200}={0,2}$/.test(value.toString());
}

/** The value of a source; undefined if the request lacks it. */
export function readSource(source: Source, input: TemplateInput): unknown {
  switch (source.from) {
    case 'method':
      return input.method;
    case 'url':
      return input.url;
    case 'path':
      return input.path;
    case 'body':
    case 'form':
      return input.body;
    case 'header':
      return own(input.headers, source.name);
    case 'headers':
      return Object.keys(input.headers)
        .filter((name) => name.startsWith(source.prefix))
        .map((name) => input.headers[name]);
    case 'listed-headers':
      return listedHeaders(own(input.headers, source.name), input.headers);
    case 'jwt':
      return readPath(input.jwt?.[source.part], source.path);
    case 'query':
      return input.query.get(source.name) ?? undefined;
    case 'form-field':
      return new URLSearchParams(input.body.toString('utf8')).get(source.name) ?? undefined;
    case 'secret':
      return own(input.secrets, source.name);
    case 'var':
      return own(input.vars, source.name);
    case 'json':
      return readPath(input.decoded, source.path);
    case 'item':
      return readPath(input.item, source.path);
  }
}

/** The headers that a list names, in its order; undefined if the list or one of the headers is missing. */
function listedHeaders(list: string | undefined, headers: TemplateInput['headers']): string | undefined {
  const names = list?.split(',').map((name) => name.trim().toLowerCase());
  const pairs = names?.map((name) => [name, own(headers, name)] as const);
  if (pairs === undefined || pairs.some(([, value]) => value === undefined)) return undefined;
  return pairs.map(([name, value]) => `${name}:${value}`).join(';');
}

/** Follow own properties only, so a path never reaches a prototype. */
export function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = own(current as Record<string, unknown>, key);
  }
  return current;
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The text of a scalar; undefined for null, lists and objects, whose text would differ from the received bytes. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/**
 * Parse a template of a validated definition.
 *
 * @throws {TypeError} if the text is not a template.
 */
export function toTemplate(text: string): Template {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(`template "${text}": ${parsed.message}`);
  return parsed.template;
}

/** Parse a source of a validated definition. @throws {TypeError} if the name is not a source. */
export function toSource(name: string): Source {
  const parsed = parseSource(name);
  if (parsed === undefined) throw new TypeError(`"${name}" is not a source`);
  return parsed;
}
