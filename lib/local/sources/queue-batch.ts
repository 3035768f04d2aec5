import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { localRegion } from '../template/resource-type.ts';

/** The outcome of a batch, from the function's answer. */
export type BatchVerdict =
  | { readonly kind: 'answered'; readonly failedMessageIds: ReadonlySet<string> }
  /** The answer is malformed, so every message of the batch comes back. */
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Read which messages of a batch failed, by Lambda's rules: an empty answer means success, a malformed one means that
 * the whole batch failed.
 *
 * @param payload - The function's result as JSON.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function readBatchResponse(payload: string, messageIds: ReadonlySet<string>): BatchVerdict {
  const response: unknown = JSON.parse(payload);
  if (response === null) return { kind: 'answered', failedMessageIds: new Set() };
  if (typeof response !== 'object' || Array.isArray(response)) {
    return { kind: 'invalid', reason: `the answer is ${Array.isArray(response) ? 'a list' : typeof response}` };
  }
  const failures = (response as { batchItemFailures?: unknown }).batchItemFailures ?? [];
  if (!Array.isArray(failures)) return { kind: 'invalid', reason: 'batchItemFailures is not a list' };
  const failedMessageIds = new Set<string>();
  for (const failure of failures as unknown[]) {
    const id = (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier;
    if (typeof id !== 'string' || id === '')
      return { kind: 'invalid', reason: 'an itemIdentifier is missing or empty' };
    if (!messageIds.has(id)) return { kind: 'invalid', reason: `the itemIdentifier ${id} is not in the batch` };
    failedMessageIds.add(id);
  }
  return { kind: 'answered', failedMessageIds };
}

/** The event in which Lambda passes received messages. */
export function toSqsEvent(messages: readonly Message[], queueArn: string): SQSEvent {
  return { Records: messages.map((message) => toSqsRecord(message, queueArn)) };
}

function toSqsRecord(message: Message, queueArn: string): SQSRecord {
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: { ...message.Attributes } as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, toRecordAttribute(value)]),
    ),
    ...(message.MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: localRegion,
  };
}

function toRecordAttribute({ StringValue, BinaryValue, DataType }: MessageAttributeValue) {
  return {
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
    stringListValues: [],
    binaryListValues: [],
    dataType: DataType ?? 'String',
  };
}

/** Lambda's maximum event size; larger batches are split. */
const maxEventBytes = 6 * 1024 * 1024;

/** Split received messages into batches whose bodies fit into one event. */
export function splitBySize(messages: readonly Message[]): Message[][] {
  const batches: Message[][] = [];
  let sizeBytes = Infinity;
  for (const message of messages) {
    const bytes = Buffer.byteLength(message.Body ?? '');
    if (sizeBytes + bytes > maxEventBytes) {
      batches.push([]);
      sizeBytes = 0;
    }
    batches.at(-1)?.push(message);
    sizeBytes += bytes;
  }
  return batches;
}
