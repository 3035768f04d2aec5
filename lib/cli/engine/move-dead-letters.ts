import type * as Sqs from '@aws-sdk/client-sqs';
import { deadLetterReasonAttribute } from '../../../lambdas/contracts/messages.ts';

/** SQS's maximum of messages in one call. */
const batchSize = 10;
/** Long polling asks all servers of a queue, so an empty answer means an empty queue. */
const waitSeconds = 2;
/** Visibility timeout of received messages: longer than it takes to send them. */
const visibilitySeconds = 60;
/** Consecutive answers with nothing to move, after which the command ends and leaves the rest. */
const maxIdleAnswers = 3;

export interface MoveRequest {
  /** URL of the dead-letter queue. */
  readonly from: string;
  /** URL of the target queue; undefined for the queue that the dead letters came from. */
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
      /** Messages that became dead letters after the move began: moving those again might never end. */
      readonly left: number;
      readonly isInterrupted: boolean;
    }
  | { readonly kind: 'failed'; readonly error: string; readonly moved: number };

/**
 * Move the messages of a dead-letter queue back to its queue, with the credentials and the endpoint that the
 * AWS SDK finds in the environment.
 *
 * It sends each message before it deletes it: a crash in between duplicates a message, which every consumer tolerates.
 */
export async function moveDeadLetters({ from, to: named, isDryRun, nowMs, signal }: MoveRequest): Promise<Move> {
  // Imported here, because the SDK loads slowly and no other command needs it.
  const sqs = await import('@aws-sdk/client-sqs');
  const region = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\./.exec(from)?.[1];
  // A queue's URL names its region, but not always its endpoint: locally the environment names that.
  const client = new sqs.SQSClient({ ...(region === undefined ? {} : { region }), useQueueUrlAsEndpoint: false });
  const progress = { moved: 0, left: new Set<string>() };
  try {
    const to = named ?? (await client.send(new sqs.ListDeadLetterSourceQueuesCommand({ QueueUrl: from }))).queueUrls;
    if (typeof to !== 'string' && to?.length !== 1)
      return {
        kind: 'failed',
        moved: 0,
        error: `${from} is the dead-letter queue of ${to?.length ?? 0} queues: name one with --to.`,
      };
    const target = typeof to === 'string' ? to : (to?.[0] ?? '');
    if (isDryRun) {
      const { Attributes = {} } = await client.send(
        new sqs.GetQueueAttributesCommand({ QueueUrl: from, AttributeNames: ['ApproximateNumberOfMessages'] }),
      );
      return { kind: 'counted', to: target, letters: Number(Attributes['ApproximateNumberOfMessages'] ?? 0) };
    }
    await moveAll({ sqs, client, from, target, nowMs, signal }, progress);
    const { moved, left } = progress;
    return { kind: 'moved', to: target, moved, left: left.size, isInterrupted: signal.aborted };
  } catch (error) {
    const { name, message } = error as Error;
    return { kind: 'failed', moved: progress.moved, error: `${name}: ${message}` };
  } finally {
    client.destroy();
  }
}

interface Route extends Pick<MoveRequest, 'from' | 'nowMs' | 'signal'> {
  readonly sqs: typeof Sqs;
  readonly client: Sqs.SQSClient;
  /** URL of the queue that the messages go to. */
  readonly target: string;
}

/** Counts that remain when a call fails midway. */
interface Progress {
  moved: number;
  /** Ids of messages that became dead letters after the move began. */
  readonly left: Set<string>;
}

async function moveAll(route: Route, progress: Progress): Promise<void> {
  const { sqs, client, from, nowMs, signal } = route;
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
    const isNew = ({ Attributes }: Sqs.Message) => Number(Attributes?.SentTimestamp ?? 0) >= nowMs;
    for (const { MessageId = '' } of Messages.filter(isNew)) progress.left.add(MessageId);
    const letters = Messages.filter((message) => !isNew(message));
    const sent = await Promise.allSettled(letters.map((letter) => moveLetter(route, letter)));
    progress.moved += sent.filter(({ status }) => status === 'fulfilled').length;
    const failed = sent.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    idle = letters.length === 0 ? idle + 1 : 0;
  }
}

async function moveLetter({ sqs, client, from, target }: Route, letter: Sqs.Message): Promise<void> {
  const { Body, ReceiptHandle, MessageAttributes = {}, Attributes } = letter;
  // The attribute explains the previous failure; the message starts anew.
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
}
