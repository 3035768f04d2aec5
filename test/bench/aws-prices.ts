/**
 * What AWS asks, in USD: list prices of us-east-1 without free tiers and discounts, as of November 2026, and what is
 * assumed where a price depends on more than the engine. The one file to change when prices do.
 */
export const awsPrices = {
  /**
   * HTTP API, for a million requests of up to 512 KB, of the first 300 million a month.
   * @see https://aws.amazon.com/api-gateway/pricing/
   */
  httpApiPerMillionRequests: 1,
  /** @see https://aws.amazon.com/lambda/pricing/ (arm64) */
  lambdaPerMillionRequests: 0.2,
  lambdaPerGbSecond: 0.000_013_333_4,
  /**
   * Standard queues, for a million requests of up to 64 KB. What Lambda's poller receives and deletes is asked for too.
   * @see https://aws.amazon.com/sqs/pricing/
   */
  sqsPerMillionRequests: 0.4,
  /**
   * Fair queues: beside that, for requests of messages with a `MessageGroupId` in a standard queue. Which requests bear
   * it is not said of each; the model takes all of them, the least favourable reading.
   * @see https://aws.amazon.com/sqs/pricing/, as https://cloudburn.io/blog/amazon-sqs-pricing gives it of March 2026
   */
  sqsFairQueuePerMillionRequests: 0.1,
  /** On demand. @see https://aws.amazon.com/dynamodb/pricing/on-demand/ */
  dynamodbPerMillionWriteUnits: 0.625,
  dynamodbPerMillionReadUnits: 0.125,
  /** @see https://aws.amazon.com/s3/pricing/ (Standard) */
  s3PerMillionPuts: 5,
  s3PerMillionGets: 0.4,
  /** Standard class, ingestion. @see https://aws.amazon.com/cloudwatch/pricing/ */
  logsPerGb: 0.5,
  /** Class Infrequent Access, ingestion. */
  infrequentLogsPerGb: 0.25,
  /** Of logs as they are kept, a month. */
  storedLogsPerGbMonth: 0.03,
  /**
   * A month, for each metric that an alarm of standard resolution looks at: one that adds up two costs as much as two.
   * @see https://aws.amazon.com/cloudwatch/pricing/
   */
  alarmMetricPerMonth: 0.1,
  /** Of the first 10,000, for each name with its dimensions; an hour without a value costs nothing. */
  customMetricPerMonth: 0.3,
  dashboardPerMonth: 3,
  /**
   * Of a customer-managed key; its first and its second yearly rotation add as much each, later ones nothing.
   * @see https://aws.amazon.com/kms/pricing/
   */
  kmsKeyPerMonth: 1,
  kmsPaidRotations: 2,
  kmsPerMillionRequests: 3,
  /**
   * Of rules on the default bus. Events of AWS, those of schedules among them, are free; EventBridge Scheduler, which
   * the stack does not use, asks 1 USD for a million beyond 14 million a month.
   * @see https://aws.amazon.com/eventbridge/pricing/
   */
  scheduledRulePerMillionEvents: 0,
} as const;

/** What runs although nothing happens. */
export const idleAssumptions = {
  /** 365.25 days by twelve. */
  secondsPerMonth: 2_629_800,
  /**
   * Batches that Lambda asks a standard queue for at once while it is quiet. It goes down to two only where the event
   * source has no maximum concurrency, and each of this stack has one.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
   */
  pollersPerQueue: 5,
  /**
   * The longest that SQS holds a receive: Lambda polls long.
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
   */
  emptyReceiveSeconds: 20,
  /** A query that finds nothing, as if each were consistent: those of indexes cost half. */
  readUnitsPerQuery: 1,
  /** Queries of a run of dispatch are made at once. */
  dispatchRoundTrips: 1,
  /**
   * DynamoDB has a table's key decrypted again after five minutes at most: of the two tables that dispatch reads.
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
   */
  tablesRead: 2,
  tableKeySeconds: 300,
} as const;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html */
export const unitBytes = { dynamodbWrite: 1_024, dynamodbRead: 4_096 } as const;

/**
 * What a bill depends on beside the engine. Left out, since it is not asked for by the event: storage by the month,
 * backups, KMS (a data key serves a table for minutes), alarms, and traffic out to receivers.
 */
export const assumptions = {
  /** Round trips within a region. */
  dynamodbRoundTripMs: 5,
  sqsRoundTripMs: 8,
  /** How long a receiver takes to answer. */
  receiverMs: 100,
  /** What a function has of a core grows with its memory. @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
  memoryMbPerCore: 1_769,
  /** Functions' memory, of lib/tributary-stack.ts. */
  memoryMb: { ingress: 512, normalize: 1_024, deliver: 512 },
  /** Posts that a run makes at once: half of the usual concurrency of 10. */
  postsAtATime: 5,
  /**
   * Steps of a run that wait for one another, beside rounds of posts: calls that are made at once count as one. The
   * archive is written while events are published, and takes no longer.
   */
  waits: {
    ingress: { dynamodb: 0, sqs: 1 },
    normalize: { dynamodb: 5, sqs: 1 },
    deliver: { dynamodb: 4, sqs: 0 },
  },
  /**
   * What Lambda itself logs of an invocation that goes well: nothing at the level WARN, which engine-function.ts sets;
   * some 700 bytes at INFO, `platform.start` and `platform.report`.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
   */
  platformLogBytes: 0,
  /** What the HTTP API logs of a webhook of GitHub: the fields are those of public-http-api.ts. */
  accessLogBytes: 306,
  /** What CloudWatch counts for each line beside its text. */
  logLineOverheadBytes: 26,
} as const;
