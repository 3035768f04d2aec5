import { deepStrictEqual } from 'node:assert/strict';
import { problemStatuses } from '../../lambdas/engine/api/open-api.ts';
import type { OperationShape } from '../../lambdas/engine/api/operation.ts';
import { operations } from '../../lambdas/engine/api/operations.ts';

const shapes: readonly OperationShape[] = Object.values(operations);

/**
 * Hold an answer against what its operation declares: a status that it names, and a body that its schema takes
 * and knows every member of. So every test of the API is one of its documents, too.
 */
export function mustBeDeclared(method: string, path: string, status: number, body: unknown): void {
  const shape = shapes.find(
    (one) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  if (shape === undefined) {
    if (status === 404 || status === 405) return;
    throw new Error(`${method} ${path} is no operation, and answered ${status}`);
  }
  const answer = shape.answers[status];
  if (answer !== undefined) {
    const read = answer.body?.safeParse(body);
    if (read?.success === false)
      throw new Error(`${method} ${shape.path} answered what it does not declare: ${read.error.message}`);
    deepStrictEqual(read?.data, body, `${method} ${shape.path} answered members that it does not declare`);
    return;
  }
  const isConditional = status === 304 && method === 'GET';
  if (isConditional || status in problemStatuses(shape)) return;
  throw new Error(`${method} ${shape.path} answered ${status}, which it does not declare`);
}
