import { parseTemplate } from '../template/template.ts';

/** A place that names a secret or a variable. */
export interface UsedName {
  readonly path: readonly PropertyKey[];
  readonly key: string;
  readonly of: 'secret' | 'var';
}

/** Every secret and variable that a definition uses, whether or not the rest of it is valid. */
export function usedNames({ webhook, routing }: Readonly<Record<string, unknown>>): readonly UsedName[] {
  const contexts = isRecord(routing) ? routing['context'] : undefined;
  return [
    ...secretsNamed(webhook, ['webhook']),
    ...namesInTemplates(webhook, ['webhook']),
    ...namesInTemplates(contexts, ['routing', 'context']),
  ];
}

/** Members whose text is never a template. */
const plainMembers = new Set(['reply', 'when', 'decode', 'content_type', 'split', 'prefix', 'name', 'decrypt']);

/** Secrets and variables that templates in a value name. */
function* namesInTemplates(value: unknown, path: readonly PropertyKey[]): Generator<UsedName> {
  if (typeof value === 'object' && value !== null) {
    for (const [member, inner] of Object.entries(value))
      if (Array.isArray(value)) yield* namesInTemplates(inner, [...path, Number(member)]);
      else if (!plainMembers.has(member)) yield* namesInTemplates(inner, [...path, member]);
    return;
  }
  const parsed = typeof value === 'string' ? parseTemplate(value) : undefined;
  if (parsed?.kind !== 'template') return;
  for (const part of parsed.template.parts) {
    if ('literal' in part) continue;
    const { source, transforms } = part;
    if (source.from === 'secret' || source.from === 'var') yield { path, key: source.name, of: source.from };
    for (const { secret } of transforms) if (secret !== undefined) yield { path, key: secret, of: 'secret' };
  }
}

/** Members whose text is the name of a secret. */
const secretMembers = new Set(['key', 'expected', 'username', 'password', 'secret']);
/** Members whose keys the author chooses, so none of them has a meaning here. */
const freeMembers = new Set(['claims', 'headers', 'json', 'respond', 'when', 'vars', 'reply', 'decode']);

/** Places outside templates that name a secret. */
function* secretsNamed(value: unknown, path: readonly PropertyKey[]): Generator<UsedName> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* secretsNamed(item, [...path, index]);
  else if (isRecord(value))
    for (const [member, inner] of Object.entries(value))
      if (typeof inner === 'string' && secretMembers.has(member))
        yield { path: [...path, member], key: inner, of: 'secret' };
      else if (!freeMembers.has(member)) yield* secretsNamed(inner, [...path, member]);
}

/** Whether a value is an object and not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
