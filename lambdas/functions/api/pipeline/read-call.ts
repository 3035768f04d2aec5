import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { maxBodyBytesOf, type OperationShape } from '../../../engine/api/operation.ts';
import type { RepeatableRequest } from '../../../flows/access/answer-idempotently.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import { oauthProblem } from './client-credentials.ts';
import type { Principal } from './principal.ts';

/** Bodies of strangers are measured before they are looked at. @throws {ProblemError} 413 */
export function refuseLargeBody(shape: OperationShape, { body = '', isBase64Encoded }: APIGatewayProxyEventV2): void {
  const maxBodyBytes = maxBodyBytesOf(shape);
  if (maxBodyBytes === undefined || Buffer.byteLength(body, isBase64Encoded ? 'base64' : 'utf8') <= maxBodyBytes)
    return;
  const problem = { status: 413, detail: `The body is larger than ${maxBodyBytes} bytes.` };
  throw shape.access === 'credentials' ? oauthProblem(problem) : new ProblemError(problem);
}

/**
 * The parameters of a query; those written as `name[member]` are one object.
 *
 * @throws {ProblemError} 400 for a parameter that is given twice: to read one of them would answer another question.
 */
export function readQuery({ rawQueryString }: APIGatewayProxyEventV2): Readonly<Record<string, unknown>> {
  const given = new URLSearchParams(rawQueryString);
  const repeated = [...new Set(given.keys())].filter((name) => given.getAll(name).length > 1);
  if (repeated.length === 0) return withObjects([...given]);
  const errors = repeated.map((path) => ({ path, message: 'given more than once: several values go with commas' }));
  throw new ProblemError({
    status: 400,
    detail: 'The query parameters are not what this route takes.',
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
  // Where one is given both ways, its text is what the schema refuses.
  return Object.fromEntries([...objects, ...plain]);
}

const memberName = /^(\w+)\[([^[\]]*)\]$/;

/** Entries of a page that are asked for; 0 where the operation is no list. */
export function limitOf(query: unknown): number {
  return (query as { readonly limit?: number } | undefined)?.limit ?? 0;
}

/**
 * What names a POST for its caller, so that it may send it again.
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
  // A key may have been answered what no token may.
  return { caller: tokenId === null ? keyId : `${keyId}/token`, name, method, path, body };
}

export function parsed(text: string): object | undefined {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return undefined;
  }
}
