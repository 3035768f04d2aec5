import type { buildApp } from 'fauxqs';

type App = ReturnType<typeof buildApp>;

interface SendAnswer {
  readonly MessageId?: string;
  readonly Successful?: readonly { readonly MessageId: string }[];
}

interface ReceivedMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  Attributes?: Record<string, string>;
}

interface QueueRequest {
  readonly ReceiptHandle?: string;
  readonly Entries?: readonly { readonly ReceiptHandle?: string }[];
  readonly AttributeNames?: readonly string[];
  readonly MessageSystemAttributeNames?: readonly string[];
}

/**
 * Make fauxqs keep the trace header of a sent message and return it as the system attribute `AWSTraceHeader`, as SQS
 * does. Lambda uses it to count how often a chain of messages has invoked a function.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
export function keepTraceHeaders(app: App): void {
  const headers = new Map<string, string>();
  const messages = new Map<string, string>();

  app.addHook('preSerialization', (request, _, payload, done) => {
    const operation = /^AmazonSQS\.(\w+)$/.exec(String(request.headers['x-amz-target'] ?? ''))?.[1];
    const asked = (request.body ?? {}) as QueueRequest;
    if (operation === 'SendMessage' || operation === 'SendMessageBatch') {
      const header = request.headers['x-amzn-trace-id'];
      const { MessageId, Successful = [] } = payload as SendAnswer;
      const sent = [MessageId, ...Successful.map((entry) => entry.MessageId)];
      if (typeof header === 'string') for (const id of sent) if (id !== undefined) headers.set(id, header);
    } else if (operation === 'ReceiveMessage') {
      const names = [...(asked.AttributeNames ?? []), ...(asked.MessageSystemAttributeNames ?? [])];
      const isAsked = names.includes('All') || names.includes('AWSTraceHeader');
      for (const message of (payload as { readonly Messages?: readonly ReceivedMessage[] }).Messages ?? []) {
        const header = headers.get(message.MessageId);
        if (header === undefined) continue;
        messages.set(message.ReceiptHandle, message.MessageId);
        if (isAsked) message.Attributes = { ...message.Attributes, AWSTraceHeader: header };
      }
    } else if (operation === 'DeleteMessage' || operation === 'DeleteMessageBatch') {
      for (const { ReceiptHandle = '' } of asked.Entries ?? [asked]) {
        const id = messages.get(ReceiptHandle);
        messages.delete(ReceiptHandle);
        if (id !== undefined) headers.delete(id);
      }
    }
    done(null, payload);
  });
}
