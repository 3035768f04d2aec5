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
  /**
   * The same at a URL that finds the account in the body, and its secret with it: what is decoded before anybody has
   * proved anything. Larger ones go to the account's own URL.
   */
  maxUnverifiedBodyBytes: 1024 * 1024,
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
  /** Largest body of an answer, in the same bytes: what is left of 6 MB is for its headers. */
  maxAnswerBytes: 6_000_000,
  /** Days that events, payloads and deliveries are kept. */
  retentionDays: 30,
  /**
   * Days that an event's id stays claimed at least, however soon its tenant's events expire: providers send again for
   * up to three days (Stripe, for one), and what was published must not be published again.
   *
   * @see https://docs.stripe.com/webhooks#retries
   */
  minClaimDays: 7,
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
  /** How long the body of an answer is read, once its status is known. */
  callbackReadingMs: 2_000,
  /** The token that a callback may have to wait for. */
  tokenTimeoutMs: 5_000,
  /**
   * What an attempt costs a sender beyond its token and its callback: payload, filter and transform before it, and
   * then the records, each a request with all its tries (3 of 2.5 s, and the pauses between them).
   */
  sendingOverheadMs: 12_000,
  /** One write of a record with all its tries, and a moment for what follows. */
  recordTryMs: 10_000,
  /** How long the record of a post is tried again where its store refuses it: a post without a record is made again. */
  recordRetryMs: 10_000,
  /** After this long deliver begins no further post: what is left goes to the backlog. */
  deliverBeginPostsMs: 10_000,
  /** How long a run of a drain goes on; what is left then is another run's, so that endpoints take turns. */
  drainRunMs: 40_000,
  /** New posts of a drain's round begin within this time. */
  drainRoundMs: 5_000,
  /** Posts to one endpoint at a time, where its subscription does not say otherwise. */
  endpointConcurrency: 10,
  /** What a subscription may ask for instead. */
  maxEndpointConcurrency: 100,
  /** Events that a replay sends in a second, where the request names no rate. */
  replayRatePerSecond: 50,
  /**
   * Data of the events of one callback, where a subscription asks for batches; an event that is larger goes alone. A
   * receiver takes 1 MiB where nothing else was set.
   *
   * @see https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
   */
  batchMaxBytes: 900_000,
  /** Bytes of a subscriber's answer that are kept. */
  callbackResponseKeptBytes: 16 * 1024,

  /**
   * How long after a later number was taken a reader waits for one that is not written yet: the life of a
   * hole, and the longest by which a dead writer delays the events behind it. Writers guarantee, by their own clock,
   * that they never write a number that a reader may have skipped:
   *
   *    0 s  it is about to take the numbers
   *   30 s  `sequenceWriteBeginMs`: one that has not begun to write now does not begin
   *   45 s  `sequenceWriteEndMs`: it calls off what it has not written
   *   50 s  `requestInFlightMs` later a request that was called off can take effect no more
   *   55 s  `clockSkewMs`: by a reader's clock it may be this late
   *   60 s  the hole may be passed; 5 s are left for a process that stands still
   *
   * Between begin and end there is time for one batch with all its attempts (3 of 2.5 s, and the pauses
   * between them, 9 s at most). Without the end, the 6 rounds of a batch could take 56 s.
   */
  sequenceHoleLifetimeMs: 60_000,
  sequenceWriteBeginMs: 30_000,
  sequenceWriteEndMs: 45_000,
  /** A request whose sender has given up may still be on its way; clients wait half as long for an answer. */
  requestInFlightMs: 5_000,
  /** By how much the clocks of two functions may differ. Lambda's are kept within milliseconds. */
  clockSkewMs: 5_000,

  /** The longest that a reader of the feed may wait for an event: it ends well before its function does. */
  feedMaxWaitMs: 20_000,
  /** Between two looks at a feed in which nothing has come; a look costs one consistent read of nothing. */
  feedLookMs: 500,
  /**
   * The longest from the writing of an event to its reading, for a reader that looks that often and keeps up: the
   * life of a hole before it, by clocks that differ, a look, and half a second for the reading itself.
   */
  feedMaxLagMs: 66_000,
  /** Rows that one look passes at most, for a filter that hardly any event matches. */
  feedMaxRows: 2_000,

  /** How long a consumer of the feed keeps what it was handed out, where it does not say otherwise. */
  consumerLeaseSeconds: 60,
  minConsumerLeaseSeconds: 5,
  maxConsumerLeaseSeconds: 3_600,

  /** How long a function may go on with what it knows of a tenant: its retention, and that it is being erased. */
  tenantPolicyMaxAgeMs: 60_000,
} as const;
