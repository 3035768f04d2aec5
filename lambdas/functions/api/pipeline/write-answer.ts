import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { limits } from '../../../contracts/limits.ts';
import type { OperationShape } from '../../../engine/api/operation.ts';
import { operations } from '../../../engine/api/operations.ts';
import type { StoredAnswer } from '../../../ports/tenants/idempotency-store.ts';
import type { AnyAnswer } from './api-call.ts';
import { entityTag, hasAlready } from './conditional-answer.ts';
import { pathPattern } from './path-parameters.ts';

export type Result = APIGatewayProxyStructuredResultV2;

export function isTooLarge({ body }: StoredAnswer): boolean {
  // Lambda escapes the body once more, which at most doubles it: only large bodies need to be measured.
  return 2 * Buffer.byteLength(body) > limits.maxAnswerBytes
    ? Buffer.byteLength(JSON.stringify(body)) > limits.maxAnswerBytes
    : false;
}

/** Methods of a path: of the route that it names literally, else of the routes whose parameters it fills. */
export function methodsOf(path: string): string[] {
  const shapes: OperationShape[] = Object.values(operations);
  const literal = shapes.filter((shape) => shape.path === path);
  const matching = literal.length > 0 ? literal : shapes.filter((shape) => pathPattern(shape).test(path));
  return matching.map(({ method }) => method);
}

export function written({ status, body, headers = {}, raw }: AnyAnswer): StoredAnswer {
  if (raw !== undefined) return { status, headers, body: raw.toString('utf8') };
  return body === undefined
    ? { status, headers, body: '' }
    : { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

export function toResult({ status: statusCode, headers, body }: StoredAnswer): Result {
  return { statusCode, headers: { ...headers }, ...(body === '' ? {} : { body }) };
}

/** An answer with an ETag, or a 304 if the caller has it already. */
export function conditional(answer: StoredAnswer, ifNoneMatch: string | undefined): Result {
  if (answer.status !== 200) return toResult(answer);
  const etag = entityTag(answer.body);
  const headers = { ...answer.headers, etag, 'cache-control': 'private, no-cache', vary: 'authorization' };
  if (!hasAlready(ifNoneMatch, etag)) return toResult({ ...answer, headers });
  const { 'content-type': _, ...kept } = headers as Record<string, string>;
  return { statusCode: 304, headers: kept };
}
