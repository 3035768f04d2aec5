/**
 * Limits that more than one room must agree on. Units are in the names.
 */
export const limits = {
  /**
   * Largest body that ingress accepts. Lambda's request payload ends at 6 MB, and a body may
   * grow by a third on its way there (base64).
   *
   * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
   */
  maxBodyBytes: 4 * 1024 * 1024,
  /** Largest body that an HTTP API accepts at all. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
  gatewayMaxBodyBytes: 10 * 1024 * 1024,
  /**
   * Above this a DynamoDB write costs more than an S3 PUT: 8 write units at 0.625 USD per
   * million are the price of one PUT at 5 USD per million.
   */
  claimThresholdBytes: 8 * 1024,
  /**
   * Largest data of an event, in bytes as a function's answer carries it: JSON text within JSON. An
   * answer ends at 6 MB, so what is larger could be numbered, but never be read from the feed.
   */
  maxEventBytes: 5_500_000,
  /** Days that events, payloads and deliveries are kept. */
  retentionDays: 30,
  /** Longest delay that SQS gives a message. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
  queueMaxDelayMs: 900_000,

  /** Function timeouts; a queue's visibility timeout is at least six times its consumer's. */
  ingressTimeoutSeconds: 10,
  normalizeTimeoutSeconds: 30,
  deliverTimeoutSeconds: 60,
  /** A run of a drain, the last post of it, and what follows. */
  drainTimeoutSeconds: 120,
  dispatchTimeoutSeconds: 60,
  apiTimeoutSeconds: 29,
  /** A run of an erasure, the page that it is at, and what follows. */
  governTimeoutSeconds: 60,

  /** Messages that one invocation takes from a queue. */
  queueBatchSize: 10,
  /** The same of the drain queue: each message may keep an invocation busy for as long as a run goes on. */
  drainBatchSize: 1,
  /** The same of the governance queue. */
  governBatchSize: 1,
  /** Receives after which SQS moves a message to its dead-letter queue. */
  maxReceiveCount: 8,

  /** One callback: time to connect, and time for the whole exchange. */
  callbackConnectTimeoutMs: 5_000,
  callbackTimeoutMs: 15_000,
  /** What a subscription may ask for instead. */
  maxCallbackTimeoutMs: 30_000,
  /** Posts to one endpoint at a time, where its subscription does not say otherwise. */
  endpointConcurrency: 10,
  /** What a subscription may ask for instead. */
  maxEndpointConcurrency: 100,
  /** Events that a replay sends in a second, where nobody says otherwise. */
  replayRatePerSecond: 50,
  /** Bytes of a subscriber's answer that are kept. */
  callbackResponseKeptBytes: 16 * 1024,

  /**
   * How long after a sequence number was taken its event may still be written: the longest life of
   * a publishing function, with a margin for requests in flight and for clocks that differ.
   */
  sequenceHoleLifetimeMs: 60_000,
  /** How long a function may go on with what it knows of a tenant: its retention, and that it is being erased. */
  tenantPolicyMaxAgeMs: 60_000,
} as const;
