/** Limits that several rooms share. Units are in the names. */
export const limits = {
  /**
   * Largest body that ingress accepts. Lambda's request payload is limited to 6 MB, and base64 makes a body larger by a
   * third.
   *
   * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
   */
  maxBodyBytes: 4 * 1024 * 1024,
  /**
   * Largest body at a URL whose account, and with it the secret, is found in the body: ingress decodes the body before
   * it can verify the sender. Larger bodies must go to the account's own URL.
   */
  maxUnverifiedBodyBytes: 1024 * 1024,
  /** Largest body that an HTTP API accepts. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
  gatewayMaxBodyBytes: 10 * 1024 * 1024,
  /**
   * Above this size a DynamoDB write costs more than an S3 PUT: 8 write units at 0.625 USD per million cost as much as
   * one PUT at 5 USD per million.
   */
  claimThresholdBytes: 8 * 1024,
  /**
   * Largest data of an event, in bytes of a function's answer: JSON text within JSON. An answer is limited to 6 MB, so
   * a larger event could be numbered, but never be read from the feed.
   */
  maxEventBytes: 5_500_000,
  /** Largest body of an answer, in the same bytes; the rest of 6 MB is for the headers. */
  maxAnswerBytes: 6_000_000,
  /** Days for which events, payloads and deliveries are kept. */
  retentionDays: 30,
  /**
   * Least days for which an event's id stays claimed, however soon its tenant's events expire: providers such as Stripe
   * retry for up to three days, and a published event must not be published again.
   *
   * @see https://docs.stripe.com/webhooks#retries
   */
  minClaimDays: 7,
  /** Longest delay of an SQS message. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
  queueMaxDelayMs: 900_000,

  /** Function timeouts; a queue's visibility timeout is at least six times its consumer's timeout. */
  ingressTimeoutSeconds: 10,
  normalizeTimeoutSeconds: 30,
  deliverTimeoutSeconds: 60,
  /** A drain's run, its last post, and the work after it. */
  drainTimeoutSeconds: 120,
  /** The data, or the address, of a webhook whose record is to be read: both fit into one row. */
  fetchMaxBytes: 150_000,
  /** An enrich run, its last calls, and the work after them. */
  enrichTimeoutSeconds: 150,
  /** A run of a sync, its last page, and the work after it. */
  pollTimeoutSeconds: 300,
  dispatchTimeoutSeconds: 60,
  apiTimeoutSeconds: 29,
  /** An erasure's run, its last page, and the work after it. */
  governTimeoutSeconds: 60,
  /** A run makes some calls of the API, one after another. */
  canaryTimeoutSeconds: 60,
  canaryCallTimeoutMs: 12_000,

  /** Messages of a queue per invocation. */
  queueBatchSize: 10,
  /**
   * The same where batches are gathered for less money. A function has six megabytes for all messages of an invocation.
   */
  economyBatchSize: 100,
  economyWindowSeconds: 2,
  /** The same for the drain queue: each message may keep an invocation busy for a whole run. */
  drainBatchSize: 1,
  /** The same for the enrich queue. */
  enrichBatchSize: 1,
  /** The same for the poll queue. */
  pollBatchSize: 1,
  /** The same for the governance queue. */
  governBatchSize: 1,
  /** Receives after which SQS moves a message to its dead-letter queue. */
  maxReceiveCount: 8,

  /** Time of a callback to connect, and for the whole exchange. */
  callbackConnectTimeoutMs: 5_000,
  callbackTimeoutMs: 15_000,
  /** Longest callback timeout that a subscription may choose. */
  maxCallbackTimeoutMs: 30_000,
  /** Time to read the body of an answer, once its status is known. */
  callbackReadingMs: 2_000,
  /** Time to fetch the OAuth token of a callback. */
  tokenTimeoutMs: 5_000,
  /**
   * Time of an attempt besides its token and its callback: payload, filter and transform before, and records after,
   * each of which is a request with all its tries (3 of 2.5 s, and the pauses between them).
   */
  sendingOverheadMs: 12_000,
  /** One write of a record with all its tries, and some time for the work after it. */
  recordTryMs: 10_000,
  /** How long to retry the record of a post that its store refuses: a post without a record is sent again. */
  recordRetryMs: 10_000,
  /** After this time, deliver begins no further post: remaining jobs go to the backlog. */
  deliverBeginPostsMs: 10_000,
  /** Length of a drain's run; another run continues with the rest, so that endpoints take turns. */
  drainRunMs: 40_000,
  /** The same for a run that reads the records of thin events. */
  enrichRunMs: 40_000,
  /** The same for a sync: after this time it begins no further page. */
  pollRunMs: 150_000,
  /** A drain's round begins new posts only within this time. */
  drainRoundMs: 5_000,
  /** Concurrent posts to one endpoint, unless its subscription sets another limit. */
  endpointConcurrency: 10,
  /** Highest concurrency that a subscription may choose. */
  maxEndpointConcurrency: 100,
  /** Events per second of a replay whose request names no rate. */
  replayRatePerSecond: 50,
  /**
   * Largest data of the events in one callback, where a subscription wants batches; a larger event is sent alone. 1 MiB
   * is the default limit of nginx for a request body.
   *
   * @see https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
   */
  batchMaxBytes: 900_000,
  /** Bytes of a subscriber's answer to keep. */
  callbackResponseKeptBytes: 16 * 1024,

  /**
   * Gap grace period: how long after a later number was taken a reader waits for a number that is not written yet. It
   * is also the longest delay that a dead writer causes to the events behind it. Writers guarantee, by their own clock,
   * that they never write a number that a reader may have skipped:
   *
   *    0 s  the writer is about to take the numbers
   *   30 s  `sequenceWriteBeginMs`: a writer that has not begun to write does not begin
   *   45 s  `sequenceWriteEndMs`: it aborts the writes that are not done
   *   50 s  `requestInFlightMs` later, an aborted request can no longer take effect
   *   55 s  `clockSkewMs`: a reader's clock may show this time
   *   60 s  readers may skip the gap; 5 s are left for a paused process
   *
   * Between begin and end there is time for one batch with all its attempts (3 of 2.5 s, and the pauses between them, 9
   * s at most). Without the end, the 6 rounds of a batch could take 56 s.
   */
  sequenceHoleLifetimeMs: 60_000,
  sequenceWriteBeginMs: 30_000,
  sequenceWriteEndMs: 45_000,
  /** Longest time that an aborted request may still be in flight; clients wait half as long for an answer. */
  requestInFlightMs: 5_000,
  /** Largest difference between the clocks of two functions. Lambda's clocks differ by milliseconds. */
  clockSkewMs: 5_000,

  /** Longest wait of a feed reader (long poll): it ends well before the function's timeout. */
  feedMaxWaitMs: 20_000,
  /** Poll interval while a feed has no new event; a poll costs one consistent read without rows. */
  feedLookMs: 500,
  /**
   * Longest time from the write of an event to its read, for a reader that polls that often and keeps up: a gap before
   * the event, the clock skew, one poll interval, and half a second for the read itself.
   */
  feedMaxLagMs: 66_000,
  /** Most rows that one poll reads, for a filter that matches hardly any event. */
  feedMaxRows: 2_000,

  /** Default lease of a feed consumer on the events that it received. */
  consumerLeaseSeconds: 60,
  minConsumerLeaseSeconds: 5,
  maxConsumerLeaseSeconds: 3_600,

  /** How long a function may cache a tenant's policy: its retention, and whether it is being erased. */
  tenantPolicyMaxAgeMs: 60_000,
} as const;
