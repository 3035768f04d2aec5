import {
  type CallPlaceholder,
  placeholdersIn,
  toCallTemplate,
} from '../../../../../lambdas/engine/provider/request/call-template.ts';
import type { CallTransform } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { escapeRegex, timeFormatPattern } from '../expressions/time-texts.ts';

/** What a placeholder of a template has become in a request. */
export interface Capture {
  readonly placeholder: CallPlaceholder;
  /** The text, or the JSON value of a template that is one placeholder. */
  readonly result: unknown;
}

/** A template that reads its values back from a text that it made. */
export interface TemplatePattern {
  /** Characters that every text of the template has. */
  readonly literalLength: number;
  readonly placeholders: readonly CallPlaceholder[];
  /** Whether the template may be left out. */
  readonly isOptional: boolean;
  /** @returns Undefined if the value is not of the template. */
  match(value: unknown): readonly Capture[] | undefined;
}

export interface PatternOptions {
  /** Whether values are percent-encoded, as in a path. */
  readonly isPath?: boolean;
  /** Whether anything may stand before the text, as for a template whose host is one placeholder. */
  readonly hasAnyStart?: boolean;
}

/** Compile a template to a pattern of its texts. */
export function templatePattern(text: string, options: PatternOptions = {}): TemplatePattern {
  const { isPath = false, hasAnyStart = false } = options;
  const { parts } = toCallTemplate(text);
  const placeholders = placeholdersIn(toCallTemplate(text));
  const escape = (literal: string) => escapeRegex(isPath ? pathText(literal) : literal);
  const source = parts
    .map((part) => (typeof part === 'string' ? escape(part) : `(${valuePattern(part, isPath)})`))
    .join('');
  const regex = new RegExp(`^${hasAnyStart ? '(?:/.*?)?' : ''}${source}$`, 's');
  const [only] = parts;
  const isOne = parts.length === 1 && typeof only === 'object';
  return {
    literalLength: parts.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0),
    placeholders,
    isOptional: placeholders.some(({ isOptional, transforms }) => isOptional && !hasDefault(transforms)),
    match(value) {
      if (typeof value === 'object')
        return isOne && value !== null ? [{ placeholder: only, result: value }] : undefined;
      // Only a template that is one placeholder keeps the type of its value.
      const found = typeof value === 'string' || isOne ? regex.exec(textOf(value) ?? '') : null;
      if (found === null) return undefined;
      return placeholders.map((placeholder, index) => ({
        placeholder,
        result: isPath ? decoded(found[index + 1] ?? '') : (found[index + 1] ?? ''),
      }));
    },
  };
}

/** The path of a URL's template, without scheme and host. @returns Undefined where a placeholder is the whole URL. */
export function pathOfUrlTemplate(
  template: string,
): { readonly text: string; readonly hasAnyStart: boolean } | undefined {
  const [, rest] = /^https?:\/\/(?:\{[^}]*\}|[^/{}])*(.*)$/s.exec(template) ?? [];
  if (rest !== undefined) return { text: rest, hasAnyStart: false };
  const [, after] = /^\{[^}]*\}(.*)$/s.exec(template) ?? [];
  return after === undefined || after === '' ? undefined : { text: after, hasAnyStart: true };
}

function hasDefault(transforms: readonly CallTransform[]): boolean {
  return transforms.some(({ name }) => name === 'default');
}

/** The regular expression of a placeholder's texts. */
function valuePattern({ transforms }: CallPlaceholder, isPath: boolean): string {
  const any = isPath ? '[^/]+?' : '.*?';
  const text = (literal: string) => escapeRegex(isPath ? encodeURIComponent(literal) : literal);
  return transforms.reduce((inner, transform) => transformPattern(transform, inner, any, text, isPath), any);
}

function transformPattern(
  { name, arguments: [first = ''] }: CallTransform,
  inner: string,
  any: string,
  text: (literal: string) => string,
  isPath: boolean,
): string {
  switch (name) {
    case 'default':
      // A value of the context is not known here.
      return first.startsWith('context.') ? any : `(?:${inner}|${text(first)})`;
    case 'append':
      return `(?:${inner})${text(first)}`;
    case 'prepend':
      return `${text(first)}(?:${inner})`;
    case 'number':
      return '-?\\d+(?:\\.\\d+)?';
    case 'epoch_s':
    case 'epoch_ms':
      return '-?\\d+';
    case 'date':
      return '\\d{4}-\\d\\d-\\d\\d';
    case 'iso':
    case 'iso_s':
    case 'earlier':
      return `\\d{4}-\\d\\d-\\d\\dT\\d\\d${text(':')}\\d\\d${text(':')}\\d\\d(?:\\.\\d{3})?Z`;
    case 'time':
      return timeFormatPattern(first);
    case 'quote':
      return first === 'jql' || first === 'graphql' ? '"(?:[^"\\\\]|\\\\.)*"' : "'(?:[^'\\\\]|\\\\.|'')*'";
    case 'join':
      return `(?:${inner})(?:${text(first)}(?:${inner}))*`;
    case 'sha256':
      return '[0-9a-f]{64}';
    case 'wrap':
    case 'text':
    case 'trim':
    case 'lower':
    case 'upper':
      return inner;
    case 'url_encode':
      return isPath ? any : "(?:[\\w.!~*'()-]|%[0-9A-F]{2})+";
    case 'base64_encode':
      return isPath ? any : '[\\w+/]*=*';
    case 'replace':
    case 'part':
    case 'base64_decode':
    case 'http_date':
      return any;
  }
}

/** A literal as the path of a URL encodes it. @see https://url.spec.whatwg.org/#path-percent-encode-set */
function pathText(literal: string): string {
  return literal.replace(/[ "#<>?^`{}]/g, encodeURIComponent);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
