import { arn } from '../template/resource-type.ts';
import { type KeyOf, keyCalls, type RequiredCalls } from './required-calls.ts';

/** Actions by operation: a batch needs the permission of its single form. */
const actions: Readonly<Record<string, string>> = {
  ChangeMessageVisibility: 'ChangeMessageVisibility',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
  CreateQueue: 'CreateQueue',
  DeleteMessage: 'DeleteMessage',
  DeleteMessageBatch: 'DeleteMessage',
  DeleteQueue: 'DeleteQueue',
  GetQueueAttributes: 'GetQueueAttributes',
  GetQueueUrl: 'GetQueueUrl',
  ListQueueTags: 'ListQueueTags',
  PurgeQueue: 'PurgeQueue',
  ReceiveMessage: 'ReceiveMessage',
  SendMessage: 'SendMessage',
  SendMessageBatch: 'SendMessage',
  SetQueueAttributes: 'SetQueueAttributes',
  TagQueue: 'TagQueue',
  UntagQueue: 'UntagQueue',
};

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html */
const keyActions: Readonly<Record<string, readonly string[]>> = {
  ReceiveMessage: ['Decrypt'],
  SendMessage: ['GenerateDataKey', 'Decrypt'],
};

/**
 * Permissions that an SQS request needs: the action on the queue, and the use of the queue's key.
 *
 * @param target - Header `X-Amz-Target`: `AmazonSQS.SendMessage`.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
 */
export function sqsCalls(target: string, body: unknown, keyOf: KeyOf): RequiredCalls {
  const operation = target.split('.')[1];
  if (operation === undefined || body === null || typeof body !== 'object') return { kind: 'malformed' };
  if (operation === 'ListQueues') {
    return { kind: 'calls', calls: [{ action: 'sqs:ListQueues', resource: arn('sqs', '*') }] };
  }
  const action = actions[operation];
  if (action === undefined) return { kind: 'unknown', operation: `sqs:${operation}` };
  const { QueueUrl, QueueName } = body as Readonly<Record<string, unknown>>;
  const named = QueueUrl ?? QueueName;
  if (typeof named !== 'string') return { kind: 'malformed' };
  const resource = queueArn(named);
  return {
    kind: 'calls',
    calls: [{ action: `sqs:${action}`, resource }, ...keyCalls(keyOf(resource), ...(keyActions[action] ?? []))],
  };
}

/** The queue of a URL in another account, or of a URL or a name of this stack. */
function queueArn(named: string): string {
  const name = named.slice(named.lastIndexOf('/') + 1);
  const [, region, account] = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\.[a-z.]+\/(\d{12})\//.exec(named) ?? [];
  return region === undefined || account === undefined ? arn('sqs', name) : arn('sqs', name, { region, account });
}
