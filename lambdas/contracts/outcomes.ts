/** CloudWatch namespace of every metric of the engine. */
export const metricsNamespace = 'Tributary';

/*
 * How an input ends. Every input ends as exactly one outcome of the function that decides it, so
 * that inputs equal the sum of outcomes; each is a metric of that name, with the function's name as
 * its dimension `service`.
 *
 *   requests    = rejected + handshake + accepted                        (ingress)
 *   accepted    = mapped + ignored + unrouted + dead-lettered            (normalize)
 *   handshakes that a call of the engine's own completes = confirmed + dead-lettered
 *   events      = published + duplicate + refused                        (normalize)
 *   published   = filtered (no subscription wants it) + those with deliveries     (normalize)
 *   enqueued    = delivered + filtered + dead-lettered + cancelled       (deliver, drain and api together)
 *
 * `refused` is an event of a tenant whose data is being erased; `ignored`, too, is a request of one.
 *
 * A function that fails or dies leaves its input to come again: then it is counted, and none is ever missing. An
 * input that came again may have been counted again, as it may have been delivered again: each time that it came.
 *
 * `dead-lettered` of normalize and deliver includes what SQS moves to the dead-letter queue by itself: a message that is
 * received for the last time is counted before the run, and taken back (a sample below zero) unless the run fails at it.
 *
 * `parked` (put into its endpoint's backlog, which drain sends), `retried` (a later attempt follows) and
 * `duplicate` (an earlier run had done it) are what a delivery goes through on its way, not how it ends.
 * A delivery that is asked for again, by a replay or a retry, ends once more.
 *
 * What ingress rejects, and the outcomes of normalize but for those of deliveries, are counted by integration and
 * tenant too, in the statistics table.
 */
export type IngressOutcome = 'accepted' | 'handshake' | 'rejected';

/** What ingress counts beside outcomes: genuine webhooks that it does not take. They are `rejected`. Alarms look at it. */
export type IngressNote = 'hop-limit' | 'rate-limited';

export type NormalizeOutcome =
  | 'mapped'
  | 'ignored'
  | 'confirmed'
  | 'unrouted'
  | 'dead-lettered'
  | 'published'
  | 'duplicate'
  | 'refused'
  | 'enqueued'
  | 'filtered';

/** What normalize counts beside outcomes: an event whose data does not fit its resource's schema. It is published all the same. */
export type NormalizeNote = 'schema-drift';

export type DeliverOutcome = 'delivered' | 'filtered' | 'dead-lettered' | 'parked' | 'retried' | 'duplicate';

export type DrainOutcome = 'delivered' | 'filtered' | 'dead-lettered' | 'retried';

/** A delivery that waited and was given up by a person: alone, or with its subscription. */
export type ApiOutcome = 'cancelled';

/** What the API counts beside outcomes: calls that showed a key, or a token, that is not valid. An alarm looks at it. */
export type ApiNote = 'credentials-refused';

/** What deliver and drain count beside outcomes: how endpoints fare. Alarms look at it. */
export type EndpointNote = 'circuit-opened' | 'subscription-disabling' | 'subscription-disabled';

/**
 * What drain and govern count of messages that SQS moves to their dead-letter queue. Such a message is a request to go
 * on, and no input: what waits for it is asked for again by dispatch.
 */
export type QueueNote = 'messages-dead-lettered';

/**
 * What dispatch counts: attempts that it put on the delivery queue, endpoints that it had drained, and replays and
 * erasures that it started again because they had fallen silent.
 */
export type DispatchNote = 'attempts-dispatched' | 'drains-requested' | 'silent-work-restarted';

/** What govern counts: tenants whose data is gone. */
export type GovernNote = 'tenants-erased';
