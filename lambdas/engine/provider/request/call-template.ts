import { readPath } from '../../template/template.ts';
import { applyCallTransforms } from './apply-call-transforms.ts';
import { type CallTransform, parseCallTransform, textOf } from './call-transforms.ts';
import { type CallSource, type CallValues, callSources } from './call-values.ts';

/**
 * Templates of calls: strings that read what a call is about, for example `/api/v2/tickets/{id}` or
 * `{since | epoch_s}`. A part can be optional (`{filter.status?}`): then what holds it is left out when the value is
 * unset. A text that is one placeholder keeps the type of its value. Write a brace as `{{` or `}}`.
 */
export interface CallTemplate {
  readonly parts: readonly (string | CallPlaceholder)[];
  /** The text as written, for messages. */
  readonly text: string;
}

export interface CallPlaceholder {
  readonly root: CallSource;
  readonly path: readonly string[];
  readonly isOptional: boolean;
  readonly transforms: readonly CallTransform[];
  /** The source as written, for messages. */
  readonly text: string;
}

export type ParsedCallTemplate =
  | { readonly kind: 'template'; readonly template: CallTemplate }
  | { readonly kind: 'fault'; readonly message: string };

export type RenderedValue =
  | { readonly kind: 'value'; readonly value: unknown }
  /** An optional part has no value. */
  | { readonly kind: 'unset' }
  /** A part that is needed has no value, as written: `context.subdomain`. */
  | { readonly kind: 'missing'; readonly source: string };

/** Parse a template of a call; the fault's message shows what was written and what is allowed. */
export function parseCallTemplate(text: string): ParsedCallTemplate {
  const parts: (string | CallPlaceholder)[] = [];
  let literal = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if ((character === '{' || character === '}') && text[at + 1] === character) {
      literal += character;
      at += 1;
    } else if (character === '}') {
      return fault(`a "}" without "{" at character ${at + 1}; write "}}" for the brace itself`);
    } else if (character === '{') {
      const end = text.indexOf('}', at);
      if (end < 0 || text.slice(at + 1, end).includes('{'))
        return fault(`a "{" without "}" at character ${at + 1}; write "{{" for the brace itself`);
      const placeholder = parsePlaceholder(text.slice(at + 1, end));
      if (typeof placeholder === 'string') return fault(placeholder);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(placeholder);
      at = end;
    } else literal += character;
  }
  if (literal !== '') parts.push(literal);
  return { kind: 'template', template: { parts, text } };
}

function fault(message: string): ParsedCallTemplate {
  return { kind: 'fault', message };
}

function parsePlaceholder(inner: string): CallPlaceholder | string {
  // An argument in quotes may hold a bar.
  const [head = '', ...pipeline] = (inner.match(/(?:'[^']*'|[^|'])+/g) ?? ['']).map((part) => part.trim());
  const isOptional = head.endsWith('?');
  const text = isOptional ? head.slice(0, -1) : head;
  const [root = '', ...path] = text.split('.');
  if (!Object.hasOwn(callSources, root) || path.includes(''))
    return `got {${inner}}, expected {<source>} with one of the sources ${Object.keys(callSources).join(', ')}`;
  const transforms: CallTransform[] = [];
  for (const written of pipeline) {
    const transform = parseCallTransform(written);
    if (typeof transform === 'string') return transform;
    transforms.push(transform);
  }
  // A filter without an operator is one for equality.
  const places = root === 'filter' && path.length === 1 ? [...path, 'eq'] : path;
  return { root: root as CallSource, path: places, isOptional, transforms, text };
}

const templates = new Map<string, CallTemplate>();
const maxTemplates = 2_000;

/** The template of a validated definition. @throws {TypeError} if the text is not a template. */
export function toCallTemplate(text: string): CallTemplate {
  const known = templates.get(text);
  if (known !== undefined) return known;
  const parsed = parseCallTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(`template "${text}": ${parsed.message}`);
  if (templates.size >= maxTemplates) templates.clear();
  templates.set(text, parsed.template);
  return parsed.template;
}

/** The placeholders of a template. */
export function placeholdersIn({ parts }: CallTemplate): readonly CallPlaceholder[] {
  return parts.filter((part) => typeof part !== 'string');
}

/**
 * Render a template. A template that is one placeholder gives its value as it is; any other gives text.
 *
 * @param encode - Encodes each value within a text. @default the value as it is
 */
export function renderCallTemplate(
  { parts }: CallTemplate,
  values: CallValues,
  encode: (text: string) => string = (text) => text,
): RenderedValue {
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return renderPlaceholder(only, values);
  let text = '';
  let isUnset = false;
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const rendered = renderPlaceholder(part, values);
    if (rendered.kind === 'missing') return rendered;
    if (rendered.kind === 'unset') isUnset = true;
    else {
      const written = textOf(rendered.value);
      if (written === undefined) return { kind: 'missing', source: part.text };
      text += encode(written);
    }
  }
  return isUnset ? { kind: 'unset' } : { kind: 'value', value: text };
}

function renderPlaceholder(part: CallPlaceholder, values: CallValues): RenderedValue {
  const { root, path, transforms, isOptional, text } = part;
  const value = applyCallTransforms(transforms, readPath(values[root], path), values);
  if (value !== undefined && value !== null && (value !== '' || hasDefault(transforms)))
    return { kind: 'value', value };
  return isOptional ? { kind: 'unset' } : { kind: 'missing', source: text };
}

function hasDefault(transforms: readonly CallTransform[]): boolean {
  return transforms.some(({ name }) => name === 'default');
}
