import { createHash } from 'node:crypto';
import { readQueueUrl, type SqsDestination } from '../../../contracts/aws-destination.ts';
import { type DestinationType, type Message, tooLarge } from './destination-type.ts';

/** Body, and names, types and values of attributes. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const maxBytes = 1_048_576;
/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const maxAttributes = 10;

/** Sends the body of a callback as a message, and its headers as attributes of the message. */
export const sqsDestination: DestinationType<SqsDestination> = {
  service: 'sqs',
  actions: ['sqs:SendMessage'],
  usesCallersKey: true,
  compose({ queue_url: queueUrl }, message) {
    const { body } = message;
    const attributes = attributesOf(message);
    const sizeBytes = attributes.reduce(
      (sum, [name, value]) => sum + Buffer.byteLength(name) + 'String'.length + Buffer.byteLength(value),
      Buffer.byteLength(body),
    );
    if (sizeBytes > maxBytes) return tooLarge(sizeBytes, maxBytes, 'a queue');
    return {
      kind: 'call',
      target: 'AmazonSQS.SendMessage',
      contentType: 'application/x-amz-json-1.0',
      body: JSON.stringify({
        QueueUrl: queueUrl,
        MessageBody: body,
        MessageAttributes: Object.fromEntries(
          attributes.map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
        ),
        ...(readQueueUrl(queueUrl)?.name.endsWith('.fifo') === true ? groupOf(message) : {}),
      }),
    };
  },
  errorIn: () => undefined,
};

/** The signed headers first: of more than ten attributes, the last ones are left out. */
function attributesOf({ headers }: Message): readonly (readonly [string, string])[] {
  const rank = (name: string) => (name.startsWith('webhook-') ? 0 : 1);
  return Object.entries(headers)
    .filter(([name, value]) => name !== 'user-agent' && value !== '')
    .sort(([a], [b]) => rank(a) - rank(b))
    .slice(0, maxAttributes);
}

/**
 * A FIFO queue keeps the order of a group, and drops a message whose deduplication id it saw within five minutes: that
 * of a repeated attempt, but not that of a replay, which a person asked for. Several subscriptions may share a queue:
 * each has its own message for an event. A hash, because the id has at most 128 characters.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
 */
function groupOf({ headers, labels: { subscription, key, isReplay } }: Message) {
  const sent = [subscription, headers['webhook-id'], ...(isReplay ? [headers['webhook-timestamp']] : [])];
  return {
    MessageGroupId: key,
    MessageDeduplicationId: createHash('sha256').update(JSON.stringify(sent)).digest('base64url'),
  };
}
