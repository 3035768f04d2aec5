/**
 * Templates: strings in a definition that take parts of the request, for example
 * `v0:{header.X-Slack-Request-Timestamp}:{body}`. A brace is written `{{` or `}}`.
 *
 * A template is parsed once per definition and rendered per request, to bytes: a signed message
 * must reach the MAC as it was received, never decoded and encoded again.
 */

/** Where a part of a template comes from. */
export type Source =
  | { readonly from: 'method' | 'path' | 'body' }
  | { readonly from: 'header' | 'query'; readonly name: string }
  | { readonly from: 'json'; readonly path: readonly string[] };

export type TemplatePart = { readonly literal: string } | { readonly source: Source; readonly text: string };

export interface Template {
  readonly parts: readonly TemplatePart[];
}

/** What a template reads: the request as received, and its decoded body. */
export interface TemplateInput {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** The decoded body; undefined where it could not be decoded. */
  readonly decoded: unknown;
}

export type ParsedTemplate =
  | { readonly kind: 'template'; readonly template: Template }
  | { readonly kind: 'fault'; readonly message: string };

export type Rendered =
  | { readonly kind: 'value'; readonly chunks: readonly (string | Buffer)[] }
  /** A part that the request does not have, as written in the template: `header.X-Signature`. */
  | { readonly kind: 'missing'; readonly source: string };

const bareSources = ['method', 'path', 'body'] as const;
const forms = '{method}, {path}, {body}, {header.<Name>}, {query.<name>}, {json.<path>} or {json}';

/** Parse a template; the fault's message says what was got and what is allowed. */
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
      if (end < 0)
        return { kind: 'fault', message: `a "{" without "}" at character ${at + 1}; write "{{" for the brace itself` };
      const name = text.slice(at + 1, end);
      const source = parseSource(name);
      if (source === undefined) return { kind: 'fault', message: `got {${name}}, expected ${forms}` };
      if (literal !== '') parts.push({ literal });
      literal = '';
      parts.push({ source, text: name });
      at = end;
    } else {
      literal += character;
    }
  }
  if (literal !== '') parts.push({ literal });
  return { kind: 'template', template: { parts } };
}

/** Parse what stands between the braces: `header.X-Name`; undefined when it is no source. */
export function parseSource(name: string): Source | undefined {
  const bare = bareSources.find((source) => source === name);
  if (bare !== undefined) return { from: bare };
  if (name === 'json') return { from: 'json', path: [] };
  const dot = name.indexOf('.');
  const rest = name.slice(dot + 1);
  if (dot < 0 || rest === '') return undefined;
  switch (name.slice(0, dot)) {
    case 'header':
      return { from: 'header', name: rest.toLowerCase() };
    case 'query':
      return { from: 'query', name: rest };
    case 'json':
      return { from: 'json', path: rest.split('.') };
    default:
      return undefined;
  }
}

/** Render to chunks, so that a large body is hashed where it lies instead of being copied. */
export function renderTemplate(template: Template, input: TemplateInput): Rendered {
  const chunks: (string | Buffer)[] = [];
  for (const part of template.parts) {
    if ('literal' in part) {
      chunks.push(part.literal);
      continue;
    }
    const value = readSource(part.source, input);
    const chunk = Buffer.isBuffer(value) ? value : textOf(value);
    if (chunk === undefined) return { kind: 'missing', source: part.text };
    chunks.push(chunk);
  }
  return { kind: 'value', chunks };
}

/** Render to text; the chunks of a body are read as UTF-8. */
export function renderText(template: Template, input: TemplateInput): string | undefined {
  const rendered = renderTemplate(template, input);
  if (rendered.kind === 'missing') return undefined;
  return rendered.chunks.map((chunk) => chunk.toString()).join('');
}

/** The value of one source, undefined where the request does not have it. */
export function readSource(source: Source, input: TemplateInput): unknown {
  switch (source.from) {
    case 'method':
      return input.method;
    case 'path':
      return input.path;
    case 'body':
      return input.body;
    case 'header':
      return Object.hasOwn(input.headers, source.name) ? input.headers[source.name] : undefined;
    case 'query':
      return input.query.get(source.name) ?? undefined;
    case 'json':
      return readPath(input.decoded, source.path);
  }
}

/** Follow own properties only: a path never reaches a prototype. */
function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

/** The text of a scalar. Null, lists and objects have none: written again, they would not be what was received. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
