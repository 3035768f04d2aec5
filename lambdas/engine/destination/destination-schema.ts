import { z } from 'zod';
import { readBusArn, readQueueUrl, readRoleArn, readStreamArn } from '../../contracts/aws-destination.ts';

const roleArn = z
  .string()
  .max(2048)
  .refine((arn) => readRoleArn(arn) !== undefined, {
    error:
      'expected the ARN of a role without a path whose name begins with "tributary-", such as "arn:aws:iam::222222222222:role/tributary-events"',
  })
  .describe('The role in your account that Tributary assumes, with the external id of the answer.');

const queueUrl = z
  .string()
  .max(2048)
  .refine((url) => readQueueUrl(url) !== undefined, {
    error: 'expected the URL of a queue, such as "https://sqs.eu-west-1.amazonaws.com/222222222222/events"',
  });

const busArn = z
  .string()
  .max(2048)
  .refine((arn) => readBusArn(arn) !== undefined, {
    error: 'expected the ARN of an event bus, such as "arn:aws:events:eu-west-1:222222222222:event-bus/events"',
  });

const streamArn = z
  .string()
  .max(2048)
  .refine((arn) => readStreamArn(arn) !== undefined, {
    error: 'expected the ARN of a stream, such as "arn:aws:kinesis:eu-west-1:222222222222:stream/events"',
  });

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html */
const source = z
  .string()
  .regex(/^(?!aws\.)[\w./-]{1,256}$/i, {
    error: 'expected 1 to 256 letters, digits, ".", "-", "_" and "/", not beginning with "aws."',
  })
  .default('tributary')
  .describe('`source` of the events on the bus.');

/**
 * Where a subscription sends to.
 *
 * @example
 * { "type": "sqs", "queue_url": "https://sqs.eu-west-1.amazonaws.com/222222222222/events",
 *   "role_arn": "arn:aws:iam::222222222222:role/tributary-events" }
 */
export function destinationSchema(url: z.ZodString) {
  return z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('http'), url }),
    z.strictObject({ type: z.literal('sqs'), queue_url: queueUrl, role_arn: roleArn }),
    z.strictObject({ type: z.literal('eventbridge'), bus_arn: busArn, role_arn: roleArn, source }),
    z.strictObject({ type: z.literal('kinesis'), stream_arn: streamArn, role_arn: roleArn }),
  ]);
}

export type DestinationRequest = z.output<ReturnType<typeof destinationSchema>>;
