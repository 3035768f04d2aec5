import type { KinesisDestination } from '../../../contracts/aws-destination.ts';
import { type DestinationType, tooLarge } from './destination-type.ts';

/** The largest that a stream may allow; the stream itself says whether it allows less. @see https://docs.aws.amazon.com/streams/latest/dev/large-records.html */
const maxBytes = 10 * 1_048_576;

/** Sends a callback as a record of JSON: its headers, and its body as it is signed. */
export const kinesisDestination: DestinationType<KinesisDestination> = {
  service: 'kinesis',
  actions: ['kinesis:PutRecord'],
  usesCallersKey: true,
  compose({ stream_arn }, { headers: all, body, labels: { key } }) {
    const { 'user-agent': _, ...headers } = all;
    const data = Buffer.from(`{"headers":${JSON.stringify(headers)},"body":${body}}`);
    const sizeBytes = data.byteLength + Buffer.byteLength(key);
    if (sizeBytes > maxBytes) return tooLarge(sizeBytes, maxBytes, 'a stream');
    return {
      kind: 'call',
      target: 'Kinesis_20131202.PutRecord',
      contentType: 'application/x-amz-json-1.1',
      body: JSON.stringify({ StreamARN: stream_arn, PartitionKey: key, Data: data.toString('base64') }),
    };
  },
  errorIn: () => undefined,
};
