import { createHash } from 'node:crypto';
import { type AccessRules, createAccessGuard } from '../iam/access-guard.ts';
import { kinesisCalls } from '../iam/kinesis-calls.ts';
import { type JsonAnswer, type JsonRequest, refuse, startJsonServer } from './json-server.ts';

export interface StreamRecord {
  /** ARN of the stream. */
  readonly stream: string;
  readonly partitionKey: string;
  readonly data: Buffer;
}

/** The part of Kinesis that functions call: it accepts records for the streams of subscribers. */
export interface StreamService {
  readonly endpoint: string;
  /** Create a stream. One that exists stays as it is. */
  createStream(arn: string): void;
  /** Apply access rules; until then, every caller may do everything. */
  enforce(rules: AccessRules): void;
  /** The latest records, oldest first. */
  records(): readonly StreamRecord[];
  stop(): Promise<void>;
}

/** The default of a stream. @see https://docs.aws.amazon.com/streams/latest/dev/large-records.html */
const maxRecordBytes = 1_048_576;
const maxKeyChars = 256;
const maxKept = 10_000;

/** Start a stream service on a free port of 127.0.0.1, in this process, because its load is low. */
export async function startStreamService(): Promise<StreamService> {
  const guard = createAccessGuard();
  const streams = new Set<string>();
  const kept: StreamRecord[] = [];
  const server = await startJsonServer({
    guard,
    required: ({ target, body }) => kinesisCalls(target, body),
    carryOut: (request) => putRecord(request, streams, kept),
  });
  return {
    endpoint: server.endpoint,
    createStream: (arn) => void streams.add(arn),
    enforce: (rules) => guard.enforce(rules),
    records: () => [...kept],
    stop: () => server.stop(),
  };
}

function putRecord(
  { method, target, body }: JsonRequest,
  streams: ReadonlySet<string>,
  kept: StreamRecord[],
): JsonAnswer {
  if (method !== 'POST' || target !== 'Kinesis_20131202.PutRecord')
    return refuse('UnknownOperationException', `the local runner does not know ${method} ${target}`);
  const { StreamARN: stream, PartitionKey: partitionKey, Data } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof stream !== 'string' || typeof partitionKey !== 'string' || typeof Data !== 'string')
    return refuse('SerializationException', 'StreamARN, PartitionKey and Data are needed');
  if (partitionKey === '' || partitionKey.length > maxKeyChars)
    return refuse('ValidationException', `PartitionKey must have 1 to ${maxKeyChars} characters`);
  if (!streams.has(stream)) return refuse('ResourceNotFoundException', `Stream ${stream} not found.`);
  const data = Buffer.from(Data, 'base64');
  if (data.byteLength + Buffer.byteLength(partitionKey) > maxRecordBytes)
    return refuse(
      'ValidationException',
      `1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to ${maxRecordBytes}`,
    );
  kept.push({ stream, partitionKey, data });
  if (kept.length > maxKept) kept.shift();
  const shard = createHash('md5').update(partitionKey).digest('hex').slice(0, 1);
  return {
    status: 200,
    body: { ShardId: `shardId-00000000000${shard}`, SequenceNumber: String(kept.length), EncryptionType: 'NONE' },
  };
}
