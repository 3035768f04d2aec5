import type { OperationShape } from '../../../engine/api/operation.ts';
import { pathParameterRule } from '../../../engine/api/path-parameter-rules.ts';

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
  const isSound = params.every(([name, value]) => {
    const { minLength, maxLength, pattern } = pathParameterRule(shape, name);
    const isLong = value.length < minLength || value.length > maxLength;
    return !isLong && (pattern === undefined || new RegExp(pattern).test(value));
  });
  return isSound ? Object.fromEntries(params) : undefined;
}

/** Matches the decoded paths of an operation. */
export function pathPattern({ path, isOpenEnded }: Pick<OperationShape, 'path' | 'isOpenEnded'>): RegExp {
  const open = isOpenEnded === true ? path.replace(/\{(\w+)\}$/, '(?<$1>.+)') : path;
  // As the router has it, a slash may follow.
  const end = isOpenEnded === true ? '$' : '/?$';
  return new RegExp(`^${open.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}${end}`, 's');
}
