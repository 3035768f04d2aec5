import { readPath } from '../../template/template.ts';
import { type CallTransform, callTransforms, textOf } from './call-transforms.ts';
import type { CallValues } from './call-values.ts';

/** Apply transforms in order. An argument `context.<name>` is the value of the account's context. */
export function applyCallTransforms(transforms: readonly CallTransform[], value: unknown, values: CallValues): unknown {
  let current = value;
  for (const { name, arguments: written } of transforms) {
    if ((current === undefined || current === null) && name !== 'default') continue;
    const apply: (value: unknown, args: readonly string[]) => unknown = callTransforms[name].apply;
    current = apply(
      current,
      written.map((argument) => argumentOf(argument, values)),
    );
  }
  return current;
}

function argumentOf(written: string, values: CallValues): string {
  if (!written.startsWith('context.')) return written;
  return textOf(readPath(values.context, written.slice('context.'.length).split('.'))) ?? '';
}
