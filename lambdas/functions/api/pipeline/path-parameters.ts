import type { OperationShape } from '../../../engine/api/operation.ts';

/** Stores limit the size and the characters of a key, so another id never reaches one. */
const ownId = /^[\w.-]{1,256}$/;
/** The longest record id that a mapping may give, and the longest path that the proxy passes on. */
const maxProviderIdCharacters = 512;
const maxPathCharacters = 2_048;

/**
 * The parameters in a decoded path, by name.
 *
 * @returns Undefined where the path is not one of the operation, or no id can equal one of its parameters.
 */
export function pathParameters(
  shape: Pick<OperationShape, 'path' | 'isOpenEnded' | 'isRaw'>,
  path: string,
): Record<string, string> | undefined {
  const found = pathPattern(shape).exec(path)?.groups ?? (shape.path.includes('{') ? undefined : {});
  if (found === undefined) return undefined;
  const params = Object.entries(found);
  const ids = shape.isOpenEnded === true ? params.slice(0, -1) : params;
  const [, providerId = ''] = params.at(-1) ?? [];
  const most = shape.isRaw === true ? maxPathCharacters : maxProviderIdCharacters;
  const isSound = ids.every(([, id]) => ownId.test(id)) && providerId.length <= most;
  return isSound ? Object.fromEntries(params) : undefined;
}

/** Matches the decoded paths of an operation. */
export function pathPattern({ path, isOpenEnded }: Pick<OperationShape, 'path' | 'isOpenEnded'>): RegExp {
  const open = isOpenEnded === true ? path.replace(/\{(\w+)\}$/, '(?<$1>.+)') : path;
  // As the router has it, a slash may follow.
  const end = isOpenEnded === true ? '$' : '/?$';
  return new RegExp(`^${open.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}${end}`, 's');
}
