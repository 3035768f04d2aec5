/**
 * AWS list prices in USD for us-east-1, without free tiers and discounts, as of November 2026, and assumptions where a
 * price depends on more than the engine. When prices change, change only this file.
 */
export const awsPrices = {
  /**
   * HTTP API, per million requests of up to 512 KB, for the first 300 million a month.
   * @see https://aws.amazon.com/api-gateway/pricing/
   */
  httpApiPerMillionRequests: 1,
  /** @see https://aws.amazon.com/lambda/pricing/ (arm64) */
  lambdaPerMillionRequests: 0.2,
  lambdaPerGbSecond: 0.000_013_333_4,
  /**
   * Standard queues, per million requests of up to 64 KB, including the receives and deletes of Lambda's poller.
   * @see https://aws.amazon.com/sqs/pricing/
   */
  sqsPerMillionRequests: 0.4,
  /**
   * Fair queues: surcharge for requests of messages with a `MessageGroupId` in a standard queue. AWS does not say which
   * requests it applies to; the model applies it to all, the most expensive reading.
   * @see https://aws.amazon.com/sqs/pricing/, as https://cloudburn.io/blog/amazon-sqs-pricing quotes it in March 2026
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
  /** Stored logs, per month. */
  storedLogsPerGbMonth: 0.03,
  /**
   * Per month, for each metric that an alarm of standard resolution evaluates: an alarm on the sum of two costs as much
   * as two.
   * @see https://aws.amazon.com/cloudwatch/pricing/
   */
  alarmMetricPerMonth: 0.1,
  /** For the first 10,000, per name and dimensions. An hour without a value costs nothing. */
  customMetricPerMonth: 0.3,
  dashboardPerMonth: 3,
  /**
   * Customer-managed key. Its first and second yearly rotation add the same price each, later ones nothing.
   * @see https://aws.amazon.com/kms/pricing/
   */
  kmsKeyPerMonth: 1,
  kmsPaidRotations: 2,
  kmsPerMillionRequests: 3,
  /**
   * Rules on the default bus. Events of AWS, including schedules, are free. EventBridge Scheduler, which the stack does
   * not use, costs 1 USD per million beyond 14 million a month.
   * @see https://aws.amazon.com/eventbridge/pricing/
   */
  scheduledRulePerMillionEvents: 0,
} as const;

/** Activity without traffic. */
export const idleAssumptions = {
  /** 365.25 days divided by twelve. */
  secondsPerMonth: 2_629_800,
  /**
   * Concurrent pollers of Lambda on a quiet standard queue. Lambda reduces them to two only for an event source without
   * a maximum concurrency, and each event source of this stack has one.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
   */
  pollersPerQueue: 5,
  /**
   * The longest wait of an SQS receive; Lambda uses long polling.
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
   */
  emptyReceiveSeconds: 20,
  /** A query without results, counted as consistent. Queries of an index cost half. */
  readUnitsPerQuery: 1,
  /** Dispatch sends the queries of a run in parallel. */
  dispatchRoundTrips: 1,
  /**
   * DynamoDB decrypts a table's key again after at most five minutes. Dispatch reads three tables.
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
   */
  tablesRead: 3,
  tableKeySeconds: 300,
} as const;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html */
export const unitBytes = { dynamodbWrite: 1_024, dynamodbRead: 4_096 } as const;

/**
 * Inputs of a bill besides the engine's usage. Left out, because they do not depend on the event: monthly storage,
 * backups, KMS of tables (a data key serves a table for minutes), alarms, and traffic out to receivers.
 */
export const assumptions = {
  /** Round trips within a region. */
  dynamodbRoundTripMs: 5,
  sqsRoundTripMs: 8,
  kmsRoundTripMs: 10,
  /** From a receive to the next one of the same poller without a batching window: a run of normalize. */
  latencyRunMs: 100,
  /** How long a receiver takes to answer. */
  receiverMs: 100,
  /** How long a provider takes to answer a read of a record. */
  providerMs: 200,
  /**
   * A function's share of a core grows with its memory.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
   */
  memoryMbPerCore: 1_769,
  /** Memory of the functions in lib/tributary-stack.ts. */
  memoryMb: { ingress: 512, normalize: 1_024, deliver: 512, enrich: 1_024, poll: 1_024 },
  /** CPU of a run of enrich: some ten small answers are parsed, mapped and published. */
  enrichCpuMs: 20,
  /** CPU of an AWS request of poll, network included: the SDK signs, writes and reads it. */
  requestCpuMs: 1,
  /** Concurrent posts of a run: half of the default concurrency of 10. */
  postsAtATime: 5,
  /**
   * Sequential steps of a run besides rounds of posts; parallel calls count as one. The archive is written while events
   * are published, and takes no longer.
   */
  waits: {
    ingress: { dynamodb: 0, sqs: 1 },
    normalize: { dynamodb: 5, sqs: 1 },
    deliver: { dynamodb: 4, sqs: 0 },
    // Besides the writes of the budget, which the reads of a run make one after the other.
    enrich: { dynamodb: 13, sqs: 1 },
    // Of a run whose changes fit on one page; a run of more counts each of its requests.
    poll: { dynamodb: 20, sqs: 1 },
  },
  /** The row of a run enters the index of due runs, moves in it, which is two writes, and leaves it. */
  fetchIndexUnitsPerRun: 4,
  /**
   * Lambda's own log lines of a successful invocation: none at the level WARN, which engine-function.ts sets; some 700
   * bytes at INFO, `platform.start` and `platform.report`.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
   */
  platformLogBytes: 0,
  /** The access log line of a GitHub webhook, with the fields of public-http-api.ts. */
  accessLogBytes: 306,
  /** Bytes that CloudWatch bills per line besides its text. */
  logLineOverheadBytes: 26,
} as const;
