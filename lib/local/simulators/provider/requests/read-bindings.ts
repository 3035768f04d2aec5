import { applyCallTransforms } from '../../../../../lambdas/engine/provider/request/apply-call-transforms.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { Capture } from './template-pattern.ts';
import { undoTransforms } from './undo-transforms.ts';

/** Values that a request was made from, by source such as `filter.status.eq`. Several if the request does not tell which. */
export type Bindings = ReadonlyMap<string, readonly unknown[]>;

/**
 * Read the values that a request was made from.
 *
 * @returns Undefined where two places of the request contradict each other: then the call did not make it.
 */
export function readBindings(captures: readonly Capture[]): Bindings | undefined {
  const bySource = new Map<string, Capture[]>();
  for (const capture of captures) {
    const source = sourceOf(capture);
    bySource.set(source, [...(bySource.get(source) ?? []), capture]);
  }
  const bindings = new Map<string, readonly unknown[]>();
  for (const [source, ofSource] of bySource) {
    const values = valuesOf(ofSource);
    if (values === undefined) return undefined;
    if (values.length > 0) bindings.set(source, values);
  }
  return bindings;
}

function sourceOf({ placeholder: { root, path } }: Pick<Capture, 'placeholder'>): string {
  return [root, ...path].join('.');
}

/** @returns None where the value is unset or lost. */
function valuesOf(captures: readonly Capture[]): readonly unknown[] | undefined {
  const candidates: unknown[] = [];
  const parts: { separator: string; number: number; text: string }[] = [];
  for (const { placeholder, result } of captures) {
    const undone = undoTransforms(placeholder.transforms, result);
    if (undone.kind === 'impossible') return undefined;
    if (undone.kind === 'values') candidates.push(...undone.values);
    if (undone.kind === 'part') parts.push(undone);
  }
  const joined = joinParts(parts);
  if (candidates.length === 0 && joined !== undefined) candidates.push(joined);
  if (candidates.length === 0) return [];
  const right = candidates.filter((value) => captures.every((capture) => gives(capture, value)));
  return right.length === 0 ? undefined : [...new Set(right)];
}

/** Whether a value renders to the captured text. Times, and values that read the context, are not compared. */
function gives({ placeholder: { transforms }, result }: Capture, value: unknown): boolean {
  const isComparable = transforms.every(
    ({ name, arguments: written }) =>
      !['earlier', 'epoch_s', 'date', 'iso', 'iso_s', 'http_date', 'time', 'lower', 'upper', 'trim'].includes(name) &&
      !written.some((argument) => argument.startsWith('context.')),
  );
  if (!isComparable || typeof result === 'object') return true;
  return textOf(applyCallTransforms(transforms, value, {})) === textOf(result);
}

/** The text whose parts were read: `northwind` and `orders` of `northwind/orders`. */
function joinParts(parts: readonly { separator: string; number: number; text: string }[]): string | undefined {
  const separator = parts[0]?.separator;
  const texts = parts.filter((part) => part.separator === separator).sort((a, b) => a.number - b.number);
  const isWhole = texts.length > 1 && texts.every(({ number }, index) => number === index);
  return isWhole ? texts.map(({ text }) => text).join(separator) : undefined;
}
