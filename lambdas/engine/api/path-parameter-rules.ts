import type { OperationShape } from './operation.ts';

/** Stores limit the size and the characters of a key, so another id never reaches one. */
const ownId = { minLength: 1, maxLength: 256, pattern: '^[\\w.-]+$' };
/** The longest record id that a mapping may give. */
const providerId = { minLength: 1, maxLength: 512 };
/** The longest path that the proxy passes on. */
const providerPath = { minLength: 1, maxLength: 2_048 };

export interface PathParameterRule {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern?: string;
}

/** What a parameter in the path of an operation may be, as JSON Schema. The API refuses what breaks it with a 404. */
export function pathParameterRule(
  { path, isOpenEnded, isRaw }: Pick<OperationShape, 'path' | 'isOpenEnded' | 'isRaw'>,
  name: string,
): PathParameterRule {
  if (isOpenEnded !== true || !path.endsWith(`{${name}}`)) return ownId;
  return isRaw === true ? providerPath : providerId;
}
