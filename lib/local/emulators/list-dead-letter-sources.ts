import type { buildApp } from 'fauxqs';

type App = ReturnType<typeof buildApp>;

interface SeenQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

/**
 * Make fauxqs answer ListDeadLetterSourceQueues, which it lacks: `tributary redrive` asks where dead letters came from.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html
 */
export function listDeadLetterSources(app: App): void {
  app.addHook('preHandler', async (request, reply) => {
    if (request.headers['x-amz-target'] !== 'AmazonSQS.ListDeadLetterSourceQueues') return;
    const { authorization = '' } = request.headers;
    const read = async <T>(url: string): Promise<T> =>
      (await app.inject({ url, headers: { authorization } })).json<T>();
    const queues = await read<readonly Pick<SeenQueue, 'name' | 'url' | 'arn'>[]>('/_fauxqs/queues');
    const asked = (request.body as { readonly QueueUrl?: string }).QueueUrl?.split('/').at(-1);
    const target = queues.find(({ name }) => name === asked)?.arn;
    const seen = await Promise.all(queues.map(({ name }) => read<SeenQueue>(`/_fauxqs/queues/${name}`)));
    const queueUrls = seen.filter((queue) => target !== undefined && targetOf(queue) === target).map(({ url }) => url);
    await reply.type('application/x-amz-json-1.0').send(JSON.stringify({ queueUrls }));
  });
}

function targetOf({ attributes: { RedrivePolicy } }: SeenQueue): string | undefined {
  if (RedrivePolicy === undefined) return undefined;
  return (JSON.parse(RedrivePolicy) as { readonly deadLetterTargetArn?: string }).deadLetterTargetArn;
}
