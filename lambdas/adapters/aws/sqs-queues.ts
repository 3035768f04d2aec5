import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import {
  type DeliveryJob,
  deadLetterReasonAttribute,
  type PollMessage,
  type PollNowMessage,
} from '../../contracts/messages.ts';
import type {
  DeadLetterInbox,
  DeadLetterQueue,
  DeliveryQueue,
  DrainQueue,
  EnrichQueue,
  FailedMessages,
  GovernanceQueue,
  PollQueue,
  RawQueue,
  ShadowQueue,
} from '../../ports/events/queues.ts';
import { chunks } from '../dynamo/rows/chunks.ts';
import { type Batcher, createBatcher, outcomesOrThrow } from './request-batcher.ts';

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const maxBatch = 10;
/** SQS takes attributes of up to 256 KB; a reason is one sentence. */
const maxReasonCharacters = 1_000;
/** Characters that SQS rejects in a message. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const refusedCharacters = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

/**
 * JSON that every queue accepts. JSON itself escapes control characters. SQS rejects lone surrogates, fauxqs rejects
 * surrogate pairs, and both reject U+FFFE and U+FFFF.
 */
function toMessageBody(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\uD800-\uDFFF\uFFFE\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Whole seconds, capped at the longest delay of SQS. */
function delaySeconds(delayMs: number): number {
  return Math.ceil(Math.min(delayMs, limits.queueMaxDelayMs) / 1000);
}

export function createSqsRawQueue(client: SQSClient, queueUrl: string): RawQueue {
  return {
    async send(message) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: toMessageBody(message),
          MessageGroupId: message.account ?? message.integration,
        }),
      );
    },
  };
}

export function createSqsDeliveryQueue(client: SQSClient, queueUrl: string): DeliveryQueue {
  const send = createSqsBatcher(client, queueUrl);
  return {
    async sendAll(jobs) {
      outcomesOrThrow(await send(packJobs(jobs)));
    },
  };
}

export function createSqsPollQueue(client: SQSClient, queueUrl: string): PollQueue {
  const send = createSqsBatcher(client, queueUrl);
  return {
    ...createSqsDelayedQueue<PollMessage | PollNowMessage>(client, queueUrl, ({ account }) => account),
    async sendAll(messages) {
      outcomesOrThrow(await send(messages.map((content) => ({ content, group: content.account, delayMs: 0 }))));
    },
  };
}

interface BatchedMessage {
  readonly content: unknown;
  readonly group: string;
  readonly delayMs: number;
}

function createSqsBatcher(client: SQSClient, queueUrl: string): Batcher<BatchedMessage, 'sent'> {
  return createBatcher<BatchedMessage, 'sent'>({
    maxItems: maxBatch,
    async send(messages) {
      const Entries = messages.map(({ content, group, delayMs }, index) => ({
        Id: String(index),
        MessageBody: toMessageBody(content),
        MessageGroupId: group,
        DelaySeconds: delaySeconds(delayMs),
      }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      const failed = new Set(Failed.map(({ Id }) => Id));
      return Entries.map(({ Id }) => (failed.has(Id) ? undefined : 'sent'));
    },
    notTaken: (messages) =>
      new EngineError('storage-unavailable', `the queue did not take ${messages.length} messages`, {
        retryable: true,
      }),
  });
}

export function createSqsDrainQueue(client: SQSClient, queueUrl: string): DrainQueue {
  return createSqsDelayedQueue(client, queueUrl, ({ subscription }) => subscription);
}

export function createSqsShadowQueue(client: SQSClient, queueUrl: string): ShadowQueue {
  const send = createSqsBatcher(client, queueUrl);
  return {
    async sendAll(messages) {
      outcomesOrThrow(await send(messages.map((content) => ({ content, group: content.tenant, delayMs: 0 }))));
    },
  };
}

export function createSqsGovernanceQueue(client: SQSClient, queueUrl: string): GovernanceQueue {
  return createSqsDelayedQueue(client, queueUrl, ({ tenant }) => tenant);
}

export function createSqsEnrichQueue(client: SQSClient, queueUrl: string): EnrichQueue {
  return createSqsDelayedQueue(client, queueUrl, ({ account }) => account);
}

/** @param groupOf - The message group, for fair queues: no group delays another. */
function createSqsDelayedQueue<Message>(
  client: SQSClient,
  queueUrl: string,
  groupOf: (message: Message) => string,
): { send(message: Message, delayMs: number): Promise<void> } {
  return {
    async send(message, delayMs) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: toMessageBody(message),
          MessageGroupId: groupOf(message),
          DelaySeconds: delaySeconds(delayMs),
        }),
      );
    },
  };
}

/** Most jobs in a message. With ten messages, an invocation has 250. */
const maxPackedJobs = 25;

/**
 * Put jobs of one group and time into few messages: otherwise an event for a hundred endpoints would be a
 * hundred messages, and each invocation would read the event again. Jobs of one endpoint stand together, so that few invocations post to it.
 */
function packJobs(jobs: Parameters<DeliveryQueue['sendAll']>[0]): readonly BatchedMessage[] {
  const alike = Map.groupBy(jobs, ({ group, delayMs }) => JSON.stringify([group, delaySeconds(delayMs)]));
  return [...alike.values()].flatMap((list) =>
    chunks(byEndpoint(list), maxPackedJobs).map((some) => {
      const [{ group, delayMs }] = some as [(typeof jobs)[number]];
      return { content: some.map(({ job }) => job), group, delayMs };
    }),
  );
}

function byEndpoint<T extends { readonly job: DeliveryJob }>(jobs: readonly T[]): readonly T[] {
  return [...Map.groupBy(jobs, ({ job }) => job.subscription).values()].flat();
}

export function createSqsDeadLetterQueue(client: SQSClient, queueUrl: string): DeadLetterQueue {
  return {
    async send(body, reason) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: body,
          MessageAttributes: {
            [deadLetterReasonAttribute]: {
              DataType: 'String',
              StringValue: reason.slice(0, maxReasonCharacters).replace(refusedCharacters, '\uFFFD'),
            },
          },
        }),
      );
    },
  };
}

export function createSqsFailedMessages(client: SQSClient, queueUrl: string): FailedMessages {
  return {
    async hide(messages) {
      const unchanged = await Promise.all(
        chunks(messages, maxBatch).map(async (chunk) => {
          const Entries = chunk.map(({ receipt, delaySeconds }, index) => ({
            Id: String(index),
            ReceiptHandle: receipt,
            VisibilityTimeout: delaySeconds,
          }));
          const { Failed = [] } = await client.send(
            new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }),
          );
          return Failed.length;
        }),
      );
      return unchanged.reduce((sum, count) => sum + count, 0);
    },
  };
}

/** Visibility timeout of received messages: longer than the API call that handles them. */
const inboxVisibilitySeconds = 60;

export function createSqsDeadLetterInbox(client: SQSClient, queueUrl: string): DeadLetterInbox {
  return {
    async receive() {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: maxBatch,
          VisibilityTimeout: inboxVisibilitySeconds,
          // Long polling queries all servers of the queue; short polling may miss messages.
          WaitTimeSeconds: 1,
          MessageSystemAttributeNames: ['SentTimestamp'],
        }),
      );
      return Messages.map(({ Body = '', ReceiptHandle = '', Attributes }) => ({
        body: Body,
        receipt: ReceiptHandle,
        sentAtMs: Number(Attributes?.SentTimestamp),
      }));
    },
    async remove(letters) {
      await Promise.all(
        letters.map(({ receipt }) =>
          client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receipt })),
        ),
      );
    },
    async putBack(letters) {
      await Promise.all(
        letters.map(({ receipt }) =>
          client.send(
            new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle: receipt, VisibilityTimeout: 0 }),
          ),
        ),
      );
    },
  };
}
