import type { EventBridgeDestination } from '../../../contracts/aws-destination.ts';
import { type DestinationType, notComposed, tooLarge } from './destination-type.ts';

/** @see https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb */
const maxBytes = 1_048_576;
/** What EventBridge counts for the time of an entry. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/calculate-putevents-entry-size.html */
const timeBytes = 14;
const contentType = 'application/x-amz-json-1.1';
/** A bus writes the detail anew, so that a signature of its text would not verify. */
const leftOut = new Set(['webhook-signature', 'user-agent']);

interface EntryResult {
  readonly EventId?: string;
  readonly ErrorCode?: string;
  readonly ErrorMessage?: string;
}

/** Sends the body of a callback as the detail of an event, with the headers in its member `tributary`. */
export const eventbridgeDestination: DestinationType<EventBridgeDestination> = {
  service: 'events',
  actions: ['events:PutEvents', 'events:DescribeEventBus'],
  usesCallersKey: false,
  compose({ bus_arn, source }, { headers, body, labels: { type, time } }) {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return notComposed('the body is no JSON object, which an event bus requires: change the transform');
    if (Object.hasOwn(value, 'tributary'))
      return notComposed(
        'the body has a member `tributary`, which holds the headers on an event bus: name it otherwise in the transform',
      );
    const tributary = Object.fromEntries(Object.entries(headers).filter(([name]) => !leftOut.has(name)));
    const detail = JSON.stringify({ ...value, tributary });
    const sizeBytes = Buffer.byteLength(detail) + Buffer.byteLength(source) + Buffer.byteLength(type) + timeBytes;
    if (sizeBytes >= maxBytes) return tooLarge(sizeBytes, maxBytes - 1, 'an event bus');
    return {
      kind: 'call',
      target: 'AWSEvents.PutEvents',
      contentType,
      body: JSON.stringify({
        Entries: [
          { EventBusName: bus_arn, Source: source, DetailType: type, Detail: detail, Time: Date.parse(time) / 1000 },
        ],
      }),
    };
  },
  // PutEvents answers for a bus that does not exist as if it had taken the event. https://github.com/aws/aws-cli/issues/9186
  describe: ({ bus_arn }) => ({
    kind: 'call',
    target: 'AWSEvents.DescribeEventBus',
    contentType,
    body: JSON.stringify({ Name: bus_arn }),
  }),
  errorIn(answer) {
    const { Entries: [entry] = [] } = (answer ?? {}) as { readonly Entries?: readonly EntryResult[] };
    if (entry?.EventId !== undefined) return undefined;
    return { code: entry?.ErrorCode ?? 'NoResult', message: entry?.ErrorMessage ?? '' };
  },
};
