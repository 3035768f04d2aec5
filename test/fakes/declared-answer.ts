import { deepStrictEqual } from 'node:assert/strict';
import type { OperationShape } from '../../lambdas/engine/api/operation.ts';
import { operations } from '../../lambdas/engine/api/operations.ts';
import { problemStatuses } from '../../lambdas/engine/api/problem-statuses.ts';
import { pathPattern } from '../../lambdas/functions/api/pipeline/path-parameters.ts';

const shapes: readonly OperationShape[] = Object.values(operations);

/**
 * Check an answer against its operation: the status must be declared, and the body must match the schema without
 * unknown members. So every test of the API also tests its documents.
 */
export function mustBeDeclared(method: string, path: string, status: number, body: unknown): void {
  const shape = shapes.find((one) => one.method === method && pathPattern(one).test(path));
  if (shape === undefined) {
    if (status === 404 || status === 405) return;
    throw new Error(`${method} ${path} is not an operation, but answered ${status}`);
  }
  if (shape.isRaw === true) return;
  const answer = shape.answers[status];
  if (answer !== undefined) {
    const read = answer.body?.safeParse(body);
    if (read?.success === false)
      throw new Error(`${method} ${shape.path} answered an undeclared body: ${read.error.message}`);
    deepStrictEqual(read?.data, body, `${method} ${shape.path} answered members that it does not declare`);
    return;
  }
  const isConditional = status === 304 && method === 'GET';
  if (isConditional || status in problemStatuses(shape)) return;
  throw new Error(`${method} ${shape.path} answered the undeclared status ${status}`);
}
