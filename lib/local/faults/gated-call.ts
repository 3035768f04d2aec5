import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseStatement } from '../partiql-statement.ts';

export type GatedService = 'dynamodb' | 'sqs' | 's3' | 'eventbridge' | 'kms' | 'kinesis' | 'sts';

/** One AWS request of a function or of its queue's poller. */
export interface GatedCall {
  /** The function's label (`normalize`), or `poller`. */
  readonly caller: string;
  readonly service: GatedService;
  /** `PutItem`, `SendMessageBatch`, `PutObject`. */
  readonly operation: string;
  /** Physical name of the table, queue, bucket or key; empty when the request names none. */
  readonly resource: string;
  /** The same for all attempts of one SDK call. */
  readonly invocationId: string;
}

/** The owner of an access key; undefined for an unknown key. */
export type CallerOf = (accessKeyId: string) => string | undefined;

/** @returns undefined for a request whose caller is unknown. */
export function describeCall(
  { method = '', url = '/', headers }: IncomingMessage,
  body: Buffer,
  callerOf: CallerOf,
): GatedCall | undefined {
  const accessKeyId = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1];
  const caller = accessKeyId === undefined ? undefined : callerOf(accessKeyId);
  if (caller === undefined) return undefined;
  // Only the SDK tries again, and says so.
  const invocationId = String(headers['amz-sdk-invocation-id'] ?? randomUUID());
  if (String(headers['content-type']).startsWith('application/x-www-form-urlencoded')) {
    const parameters = new URLSearchParams(body.toString('utf8'));
    const resource = parameters.get('RoleArn')?.split('/').at(-1) ?? '';
    return { caller, service: 'sts', operation: parameters.get('Action') ?? '', resource, invocationId };
  }
  const [service, operation] = /^(DynamoDB|AmazonSQS|AWSEvents|TrentService|Kinesis)\w*\.(\w+)$/
    .exec(String(headers['x-amz-target'] ?? ''))
    ?.slice(1) ?? ['S3', `${{ GET: 'Get', PUT: 'Put', HEAD: 'Head', DELETE: 'Delete' }[method] ?? method}Object`];
  const called = { caller, operation: operation as string, invocationId };
  if (service === 'S3') return { ...called, service: 's3', resource: url.split(/[/?]/)[1] ?? '' };
  const input = JSON.parse(body.toString('utf8')) as {
    readonly TableName?: string;
    readonly RequestItems?: object;
    readonly Statements?: readonly { readonly Statement?: string }[];
    readonly QueueUrl?: string;
    readonly KeyId?: string;
    readonly StreamARN?: string;
  };
  if (service === 'DynamoDB')
    return {
      ...called,
      service: 'dynamodb',
      resource: input.TableName ?? [...tablesOf(input)].join('+'),
    };
  if (service === 'AmazonSQS')
    return { ...called, service: 'sqs', resource: (input.QueueUrl ?? '').split('/').at(-1) ?? '' };
  if (service === 'TrentService')
    return { ...called, service: 'kms', resource: (input.KeyId ?? '').split('/').at(-1) ?? '' };
  if (service === 'Kinesis')
    return { ...called, service: 'kinesis', resource: (input.StreamARN ?? '').split('/').at(-1) ?? '' };
  return { ...called, service: 'eventbridge', resource: '' };
}

/** The tables that a batch names. */
function tablesOf({
  RequestItems = {},
  Statements = [],
}: {
  readonly RequestItems?: object;
  readonly Statements?: readonly { readonly Statement?: string }[];
}): ReadonlySet<string> {
  return new Set([
    ...Object.keys(RequestItems),
    ...Statements.flatMap(({ Statement }) => parseStatement(Statement)?.table ?? []),
  ]);
}
