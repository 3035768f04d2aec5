import { z } from 'zod';
import { maxBodyBytesOf, type OperationShape } from './operation.ts';

/** Problems that every operation of a kind shares, by status. */
const usual = {
  400: 'The request is malformed, or its query parameters are invalid.',
  401: 'The request has no valid API key or access token.',
  403: 'The key lacks the required scope.',
  404: 'The object does not exist, or it belongs to another tenant.',
  409: 'The `Idempotency-Key` was used for a different request, or a request with it is still in progress.',
  413: 'The body is too large. The limit is 1 MiB, unless the operation states another.',
  422: 'The body is invalid. `errors` lists every fault.',
  429: 'Too many calls. Retry after the time in `Retry-After`.',
  500: 'The server failed to process the request.',
  503: 'The server cannot process the request at the moment. Retry after the time in `Retry-After`.',
} as const;

/** Every problem that an operation may return, by status. */
export function problemStatuses(shape: OperationShape): Readonly<Record<number, string>> {
  const { method, access, query, body, path } = shape;
  const isPublic = access === 'public';
  const may: Record<number, boolean> = {
    400: query !== undefined || body !== undefined || (method === 'POST' && !isPublic),
    401: !isPublic,
    403: !isPublic && access !== 'any-key' && access !== 'credentials',
    404: path.includes('{') || namesTenant(query),
    409: method === 'POST' && !isPublic,
    413: maxBodyBytesOf(shape) !== undefined,
    // OAuth uses 400 for every invalid token request.
    422: body !== undefined && access !== 'credentials',
    429: !isPublic,
    500: true,
    503: true,
  };
  const own = shape.problems ?? {};
  const statuses = [...new Set([...Object.keys(own), ...Object.keys(usual)])]
    .map(Number)
    .filter((status) => own[status] !== undefined || may[status] === true);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      [own[status], may[status] === true ? usual[status as keyof typeof usual] : undefined]
        .filter((part) => part !== undefined)
        .join(' '),
    ]),
  );
}

/** Whether the query names a tenant, which may not be the caller's. */
function namesTenant(query: z.ZodType | undefined): boolean {
  return query instanceof z.ZodObject && 'tenant' in query.shape;
}
