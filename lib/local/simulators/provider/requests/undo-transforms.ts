import { type CallTransform, textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { valueAt } from '../expressions/expression-place.ts';
import { readTimeFormat } from '../expressions/time-texts.ts';

/** The value before transforms, as far as the result tells it. */
export type Undone =
  /** The values that give this result. A replacement may hide which. */
  | { readonly kind: 'values'; readonly values: readonly unknown[] }
  /** The optional value was unset: the result is its default. */
  | { readonly kind: 'unset' }
  /** Only a part of a text. */
  | { readonly kind: 'part'; readonly separator: string; readonly number: number; readonly text: string }
  /** The result does not tell the value, as with a digest. */
  | { readonly kind: 'lost' }
  /** No value gives this result. */
  | { readonly kind: 'impossible' };

const impossible: Undone = { kind: 'impossible' };

/**
 * Undo the transforms of a placeholder.
 *
 * `earlier` is not undone: a provider sees the earlier time, and answers by it.
 */
export function undoTransforms(transforms: readonly CallTransform[], result: unknown): Undone {
  let undone: Undone = { kind: 'values', values: [result] };
  for (const transform of [...transforms].reverse()) {
    if (undone.kind !== 'values') return undone.kind === 'part' ? { kind: 'lost' } : undone;
    const steps: readonly Undone[] = undone.values.map((value) => undoOne(transform, value));
    const special = steps.find(({ kind }) => kind !== 'values' && kind !== 'impossible');
    const values = steps.flatMap((step) => (step.kind === 'values' ? step.values : []));
    undone = special ?? (values.length === 0 ? impossible : { kind: 'values', values });
  }
  return undone;
}

function undoOne({ name, arguments: [first = '', second = ''] }: CallTransform, value: unknown): Undone {
  if (Array.isArray(value)) return undoInList({ name, arguments: [first, second] }, value);
  if (name === 'wrap') return { kind: 'values', values: [valueAt(value, [first])] };
  const text = textOf(value);
  if (text === undefined) return impossible;
  const one = (result: unknown): Undone => (result === undefined ? impossible : { kind: 'values', values: [result] });
  switch (name) {
    case 'lower':
    case 'upper':
    case 'trim':
    case 'number':
    case 'text':
    case 'earlier':
      return one(text);
    case 'default':
      return text === first ? { kind: 'unset' } : one(text);
    case 'append':
      return one(text.endsWith(first) ? text.slice(0, text.length - first.length) : undefined);
    case 'prepend':
      return one(text.startsWith(first) ? text.slice(first.length) : undefined);
    case 'replace':
      return { kind: 'values', values: beforeReplacement(text, first, second) };
    case 'part':
      return { kind: 'part', separator: first, number: Number(second), text };
    case 'base64_encode':
      return one(Buffer.from(text, 'base64').toString());
    case 'base64_decode':
      return one(Buffer.from(text).toString('base64'));
    case 'url_encode':
      return one(decoded(text));
    case 'sha256':
      return { kind: 'lost' };
    case 'join':
      return one(split(text, first));
    case 'quote':
      return one(unquoted(text));
    case 'epoch_s':
      return one(isoOf(Number(text) * 1000));
    case 'epoch_ms':
      return one(isoOf(Number(text)));
    case 'iso':
    case 'iso_s':
    case 'date':
    case 'http_date':
      return one(isoOf(Date.parse(text)));
    case 'time':
      return one(isoOf(readTimeFormat(text, first === '' ? 'yyyy-MM-dd HH:mm:ss' : first) ?? Number.NaN));
  }
}

/** A transform applies to each item of a list. */
function undoInList(transform: CallTransform, items: readonly unknown[]): Undone {
  if (transform.name === 'default') return { kind: 'values', values: [items] };
  const undone = items.map((item) => undoOne(transform, item));
  const values = undone.map((one) => (one.kind === 'values' ? one.values[0] : undefined));
  return values.includes(undefined) ? impossible : { kind: 'values', values: [values] };
}

/** `replace(bill-, '')` takes a prefix away, and leaves a text without it as it is. */
function beforeReplacement(text: string, from: string, to: string): readonly string[] {
  if (to === '') return [from + text, text];
  return text.includes(to) ? [text.replaceAll(to, from), text] : [text];
}

/** Parts between separators; a separator within quotes belongs to its part. */
function split(text: string, separator: string): readonly string[] {
  if (text === '') return [];
  if (!/^["']/.test(text)) return text.split(separator);
  const quoted = text.match(/'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"/g) ?? [];
  return quoted.join(separator) === text ? quoted : text.split(separator);
}

/** The text between quotes, without the characters that escape. */
function unquoted(text: string): string | undefined {
  const [, quote = '', inner] = /^(["'])(.*)\1$/s.exec(text) ?? [];
  if (inner === undefined) return undefined;
  return quote === '"' ? inner.replace(/\\(.)/gs, '$1') : inner.replaceAll("''", "'").replace(/\\(.)/gs, '$1');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isoOf(ms: number): string | undefined {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}
