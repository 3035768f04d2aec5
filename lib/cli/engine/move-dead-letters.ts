import { deadLetterReasonAttribute } from '../../../lambdas/contracts/messages.ts';

/** The most that one call takes. */
const batchSize = 10;
/** A call with a wait asks all of a queue's servers, so that an empty answer means an empty queue. */
const waitSeconds = 2;
/** What was received is hidden for so long: more than it takes to send it. */
const visibilitySeconds = 60;
/** Answers in a row that hold nothing to move, after which what is left is left. */
const maxIdleAnswers = 3;

export interface MoveRequest {
  /** URL of the dead-letter queue. */
  readonly from: string;
  /** URL of the queue; undefined for the one whose dead letters these are. */
  readonly to: string | undefined;
  readonly isDryRun: boolean;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

export type Move =
  | { readonly kind: 'counted'; readonly to: string; readonly letters: number }
  | {
      readonly kind: 'moved';
      readonly to: string;
      readonly moved: number;
      /** Dead letters since it began: what failed again is not moved without end. */
      readonly left: number;
      readonly isInterrupted: boolean;
    }
  | { readonly kind: 'failed'; readonly error: string; readonly moved: number };

/**
 * Put the messages of a dead-letter queue back on its queue, with the credentials and the endpoint that the
 * AWS SDK finds in the environment.
 *
 * Each is sent before it is deleted: a crash in between doubles a message, and every consumer takes that.
 */
export async function moveDeadLetters({ from, to: named, isDryRun, nowMs, signal }: MoveRequest): Promise<Move> {
  // Only here: no other command needs the SDK, which takes long to load.
  const sqs = await import('@aws-sdk/client-sqs');
  const region = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\./.exec(from)?.[1];
  // A queue's URL names its region and not always its endpoint: locally the environment does.
  const client = new sqs.SQSClient({ ...(region === undefined ? {} : { region }), useQueueUrlAsEndpoint: false });
  let moved = 0;
  try {
    const to = named ?? (await client.send(new sqs.ListDeadLetterSourceQueuesCommand({ QueueUrl: from }))).queueUrls;
    if (typeof to !== 'string' && to?.length !== 1)
      return {
        kind: 'failed',
        moved,
        error: `${from} is the dead-letter queue of ${to?.length ?? 0} queues: name one with --to.`,
      };
    const target = typeof to === 'string' ? to : (to?.[0] ?? '');
    if (isDryRun) {
      const { Attributes = {} } = await client.send(
        new sqs.GetQueueAttributesCommand({ QueueUrl: from, AttributeNames: ['ApproximateNumberOfMessages'] }),
      );
      return { kind: 'counted', to: target, letters: Number(Attributes['ApproximateNumberOfMessages'] ?? 0) };
    }

    const left = new Set<string>();
    for (let idle = 0; idle < maxIdleAnswers && !signal.aborted; ) {
      const { Messages = [] } = await client.send(
        new sqs.ReceiveMessageCommand({
          QueueUrl: from,
          MaxNumberOfMessages: batchSize,
          WaitTimeSeconds: waitSeconds,
          VisibilityTimeout: visibilitySeconds,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId'],
        }),
      );
      if (Messages.length === 0) break;
      const isNew = ({ Attributes }: (typeof Messages)[number]) => Number(Attributes?.SentTimestamp ?? 0) >= nowMs;
      for (const { MessageId = '' } of Messages.filter(isNew)) left.add(MessageId);
      const letters = Messages.filter((message) => !isNew(message));
      const sent = await Promise.allSettled(
        letters.map(async ({ Body, ReceiptHandle, MessageAttributes = {}, Attributes }) => {
          // The reason tells why it failed before.
          const { [deadLetterReasonAttribute]: _reason, ...kept } = MessageAttributes;
          const group = Attributes?.MessageGroupId;
          await client.send(
            new sqs.SendMessageCommand({
              QueueUrl: target,
              MessageBody: Body,
              MessageAttributes: kept,
              ...(group === undefined ? {} : { MessageGroupId: group }),
            }),
          );
          await client.send(new sqs.DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }));
        }),
      );
      moved += sent.filter(({ status }) => status === 'fulfilled').length;
      const failed = sent.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      idle = letters.length === 0 ? idle + 1 : 0;
    }
    return { kind: 'moved', to: target, moved, left: left.size, isInterrupted: signal.aborted };
  } catch (error) {
    const { name, message } = error as Error;
    return { kind: 'failed', moved, error: `${name}: ${message}` };
  } finally {
    client.destroy();
  }
}
