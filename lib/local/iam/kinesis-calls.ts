import type { RequiredCalls } from './required-calls.ts';

/**
 * Permissions that a Kinesis request needs: to put a record into the stream that it names.
 *
 * @param target - Header `X-Amz-Target`: `Kinesis_20131202.PutRecord`.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisdatastreams.html
 */
export function kinesisCalls(target: string, body: unknown): RequiredCalls {
  const operation = target.split('.')[1];
  if (operation === undefined || body === null || typeof body !== 'object') return { kind: 'malformed' };
  if (operation !== 'PutRecord') return { kind: 'unknown', operation: `kinesis:${operation}` };
  const { StreamARN } = body as { readonly StreamARN?: unknown };
  if (typeof StreamARN !== 'string') return { kind: 'malformed' };
  return { kind: 'calls', calls: [{ action: 'kinesis:PutRecord', resource: StreamARN }] };
}
