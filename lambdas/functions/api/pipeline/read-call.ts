import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { bodySchema, maxBodyBytesOf, type OperationShape } from '../../../engine/api/operation.ts';
import type { RepeatableRequest } from '../../../flows/access/answer-idempotently.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { check } from './api-call.ts';
import { oauthProblem } from './client-credentials.ts';
import { pathParameters } from './path-parameters.ts';
import { notFound, type Principal } from './principal.ts';

/** Measure a body before anything else, because its sender is not known yet. @throws {ProblemError} 413 */
export function refuseLargeBody(shape: OperationShape, { body = '', isBase64Encoded }: APIGatewayProxyEventV2): void {
  const maxBodyBytes = maxBodyBytesOf(shape);
  if (maxBodyBytes === undefined || Buffer.byteLength(body, isBase64Encoded ? 'base64' : 'utf8') <= maxBodyBytes)
    return;
  const problem = { status: 413, detail: `The body is larger than ${maxBodyBytes} bytes.` };
  throw shape.access === 'credentials' ? oauthProblem(problem) : new ProblemError(problem);
}

/**
 * Read and check what a request says: path parameters, query and body.
 *
 * @throws {ProblemError} 400 for the query, or a body that is not JSON; 404 for a path parameter that no id can equal;
 *   422 for the body.
 */
export function readCall(clock: Clock, shape: OperationShape, event: APIGatewayProxyEventV2, text: string) {
  const params = pathParameters(shape, event.rawPath);
  if (params === undefined) throw notFound('resource');
  const query = shape.query === undefined ? undefined : check(shape.query, readQuery(event), 400);
  return { params, query, body: shape.body === undefined ? undefined : readBody(clock, shape, text) };
}

function readBody(clock: Clock, shape: OperationShape, text: string): unknown {
  if (shape.access !== 'credentials') return readJson(clock, shape, text);
  try {
    return readJson(clock, shape, text);
  } catch (error) {
    throw error instanceof ProblemError ? oauthProblem(error.problem) : error;
  }
}

function readJson(clock: Clock, { body, hasOptionalBody, access }: OperationShape, text: string): unknown {
  if (body === undefined) return undefined;
  const schema = bodySchema(body, clock.nowMs());
  if (access === 'credentials' && !/^\s*\{/.test(text))
    return check(schema, Object.fromEntries(new URLSearchParams(text)), 422);
  let value: unknown;
  try {
    value = JSON.parse(text.trim() === '' && hasOptionalBody === true ? '{}' : text);
  } catch {
    throw new ProblemError({ status: 400, detail: 'The body must be JSON.' });
  }
  return check(schema, value, 422);
}

/**
 * The parameters of a query. `name[member]` parameters of one name become an object.
 *
 * @throws {ProblemError} 400 for a repeated parameter: the engine does not guess which value the caller means.
 */
function readQuery({ rawQueryString }: APIGatewayProxyEventV2): Readonly<Record<string, unknown>> {
  const given = new URLSearchParams(rawQueryString);
  const repeated = [...new Set(given.keys())].filter((name) => given.getAll(name).length > 1);
  if (repeated.length === 0) return withObjects([...given]);
  const errors = repeated.map((path) => ({ path, message: 'expected once: separate several values with commas' }));
  throw new ProblemError({
    status: 400,
    detail: 'The query parameters are not valid for this route.',
    extensions: { errors },
  });
}

function withObjects(parameters: readonly (readonly [string, string])[]): Readonly<Record<string, unknown>> {
  const plain = parameters.filter(([name]) => !memberName.test(name));
  const members = parameters.flatMap(([name, value]) => {
    const [, object = '', member = ''] = memberName.exec(name) ?? [];
    return object === '' ? [] : [{ object, member, value }];
  });
  const objects = [...Map.groupBy(members, ({ object }) => object)].map(
    ([object, own]) => [object, Object.fromEntries(own.map(({ member, value }) => [member, value]))] as const,
  );
  // If a name has both forms, the plain text wins, and the schema rejects it.
  return Object.fromEntries([...objects, ...plain]);
}

const memberName = /^(\w+)\[([^[\]]*)\]$/;

/** Requested entries per page; 0 if the operation is not a list. */
export function limitOf(query: unknown): number {
  return (query as { readonly limit?: number } | undefined)?.limit ?? 0;
}

/**
 * The Idempotency-Key of a POST, with what identifies the request. Undefined for requests without one.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function readIdempotencyKey(
  { method, access }: OperationShape,
  event: APIGatewayProxyEventV2,
  { keyId, tokenId }: Principal,
  body: string,
): RepeatableRequest | undefined {
  const name = event.headers['idempotency-key'];
  if (name === undefined || method !== 'POST' || access === 'public') return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(name))
    throw new ProblemError({ status: 400, detail: 'Idempotency-Key: expected 1 to 255 visible ASCII characters.' });
  const path = `${event.rawPath}?${event.rawQueryString}`;
  // A key may have received an answer that a token may not see.
  return { caller: tokenId === null ? keyId : `${keyId}/token`, name, method, path, body };
}

export function parsed(text: string): object | undefined {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return undefined;
  }
}
