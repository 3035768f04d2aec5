import { request } from 'node:http';
import { localCredentials } from '../sandbox/runtime-environment.ts';
import type { AwsMetrics } from './aws-metrics.ts';

interface SeenMessage {
  readonly sentTimestamp: number;
  readonly approximateReceiveCount: number;
  readonly delayUntil?: number;
}

interface SeenQueue {
  readonly messages: {
    readonly ready: readonly SeenMessage[];
    readonly delayed: readonly SeenMessage[];
    readonly inflight: readonly { readonly message: SeenMessage; readonly visibilityDeadline: number }[];
  };
}

/**
 * A message that was received so often goes to the back of its queue: SQS takes the age of the others.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
const poisonReceives = 3;

/** Sample what SQS shows of its queues, without receiving a message. */
export async function seeQueues(
  endpoint: string,
  names: readonly string[],
  metrics: AwsMetrics,
  nowMs: number,
): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const { ready, delayed, inflight } = (await inspect(`${endpoint}/_fauxqs/queues/${name}`)).messages;
      const visible =
        ready.length +
        delayed.filter(({ delayUntil = 0 }) => delayUntil <= nowMs).length +
        inflight.filter(({ visibilityDeadline }) => visibilityDeadline <= nowMs).length;
      const ages = [...ready, ...delayed, ...inflight.map(({ message }) => message)]
        .filter(({ approximateReceiveCount }) => approximateReceiveCount <= poisonReceives)
        .map(({ sentTimestamp }) => nowMs - sentTimestamp);
      metrics.queueSeen(name, visible, ages.length === 0 ? undefined : Math.max(...ages));
    }),
  );
}

function inspect(url: string): Promise<SeenQueue> {
  const { accessKeyId } = localCredentials;
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { headers: { authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/local` } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text) as SeenQueue);
          else reject(new Error(`${url}: ${response.statusCode} ${text}`));
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
