import { Duration, Names, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { type CfnQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { TributaryConfig } from '../config.ts';
import type { EngineFunction } from './engine-function.ts';
import type { OperatorAlarms } from './operator-alarms.ts';

/** SQS's maximum retention: enough for a long weekend and a week to find the cause. */
const retention = Duration.days(14);

/**
 * The visibility timeout as a multiple of the consumer's timeout, besides the batching window, so that Lambda's retries
 * of a throttled batch end before another consumer sees its messages.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const visibilityTimeouts = 6;

/** How the messages of one invocation are gathered. */
export interface Batch {
  readonly size: number;
  /** @default 0: an invocation has what a receive brings */
  readonly windowSeconds?: number;
}

/** For queues whose messages are many and small: what a deployer chose. */
export function batchOf({ batching }: Pick<TributaryConfig, 'batching'>): Batch {
  if (batching === 'latency') return { size: limits.queueBatchSize };
  return { size: limits.economyBatchSize, windowSeconds: limits.economyWindowSeconds };
}

export interface WorkQueueProps {
  /** Short name in kebab-case, the prefix of its runbook entries: `raw-queue`. */
  readonly name: string;
  /** Timeout of the consuming function; the visibility timeout is six times this. */
  readonly consumerTimeout: Duration;
  /**
   * Age of the oldest message at which the queue counts as stuck; longer than every delay that a sender sets. Undefined
   * where something else tells that its work does not go on.
   */
  readonly stuckAfter: Duration | undefined;
  readonly alarms: OperatorAlarms;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * A standard queue that loses no work: with a dead-letter queue, redrive and alarms.
 *
 * Fair between accounts when its senders set `MessageGroupId`; a standard queue needs no setting for that.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
 */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
  private readonly consumerTimeout: Duration;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    this.consumerTimeout = props.consumerTimeout;
    const { removalPolicy } = props;
    // SQS's own key: with a KMS key, every event would cost requests to KMS.
    const protection = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, removalPolicy };

    this.deadLetterQueue = new Queue(this, 'DeadLetters', { ...protection, retentionPeriod: retention });
    this.queue = new Queue(this, 'Queue', {
      ...protection,
      retentionPeriod: retention,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: limits.maxReceiveCount },
    });

    props.alarms.add(this, 'DeadLettersAlarm', {
      meaning: `The dead-letter queue of ${props.name} is not empty.`,
      runbookEntry: `${props.name}-dead-letters`,
      console: queuePage(this.deadLetterQueue),
      metric: this.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: 'Maximum',
      }),
      threshold: 1,
    });
    const { stuckAfter } = props;
    if (stuckAfter === undefined) return;
    props.alarms.addTrend(this, 'StuckAlarm', {
      meaning: `The oldest message of ${props.name} is older than ${stuckAfter.toMinutes()} minutes.`,
      runbookEntry: `${props.name}-stuck`,
      console: queuePage(this.queue),
      metric: this.queue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: 'Maximum' }),
      threshold: stuckAfter.toSeconds(),
      periods: 3,
    });
  }

  /**
   * Connect the one function that consumes this queue.
   *
   * @param maxConcurrency - Concurrent invocations, 2 to 1000.
   * @param batch - Messages of one invocation, at most 10 without a window, and how long to wait for them.
   * @throws Error when the function's timeout is not the one that the visibility timeout is based on.
   */
  consumedBy(consumer: EngineFunction, maxConcurrency: number, { size, windowSeconds = 0 }: Batch): void {
    const { lambda, live } = consumer;
    const timeoutSeconds = lambda.timeout?.toSeconds();
    if (timeoutSeconds !== this.consumerTimeout.toSeconds()) {
      throw new Error(
        `${this.node.path}: got a consumer with a timeout of ${timeoutSeconds} s, expected ${this.consumerTimeout.toSeconds()} s; give both the same limit`,
      );
    }
    // A message is hidden while its batch is gathered, too.
    const hiddenSeconds = visibilityTimeouts * this.consumerTimeout.toSeconds() + windowSeconds;
    (this.queue.node.defaultChild as CfnQueue).visibilityTimeout = hiddenSeconds;
    // Scope and id are those of SqsEventSource on the function itself: a mapping with another logical id would be a
    // second one on the same queue while the stack is updated.
    new EventSourceMapping(lambda, `SqsEventSource:${Names.nodeUniqueId(this.queue.node)}`, {
      target: live,
      eventSourceArn: this.queue.queueArn,
      batchSize: size,
      ...(windowSeconds === 0 ? {} : { maxBatchingWindow: Duration.seconds(windowSeconds) }),
      maxConcurrency,
      reportBatchItemFailures: true,
    });
    this.queue.grantConsumeMessages(lambda);
    consumer.endDeploymentsOnFailedRecords();
  }
}

/** The page of a queue in the console. Its link has the queue's URL with escaped slashes, which no token could escape. */
function queuePage(queue: Queue): string {
  const { region, account } = Stack.of(queue);
  const url = ['https:', '', `sqs.${region}.amazonaws.com`, account, queue.queueName].join('%2F');
  return `sqs/v3/home?region=${region}#/queues/${url.replace('https:', 'https%3A')}`;
}
