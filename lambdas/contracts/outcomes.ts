/** CloudWatch namespace of every metric of the engine. */
export const metricsNamespace = 'Tributary';

/*
 * How an input ends. Every input ends as exactly one outcome of the function that decides it, so
 * that inputs equal the sum of outcomes; each is a metric of that name, with the function's name as
 * its dimension `service`.
 *
 *   requests    = rejected + handshake + accepted                        (ingress)
 *   accepted    = mapped + ignored + unrouted + dead-lettered            (normalize)
 *   events      = published + duplicate                                  (normalize)
 *   published   = filtered (nobody wants it) + those with deliveries     (normalize)
 *   enqueued    = delivered + filtered + dead-lettered                   (deliver)
 *
 * `retried` (a later attempt follows) and `duplicate` (an earlier run had done it) are what a delivery
 * goes through on its way, not how it ends.
 */
export type IngressOutcome = 'accepted' | 'handshake' | 'rejected';

export type NormalizeOutcome =
  | 'mapped'
  | 'ignored'
  | 'unrouted'
  | 'dead-lettered'
  | 'published'
  | 'duplicate'
  | 'enqueued'
  | 'filtered';

export type DeliverOutcome = 'delivered' | 'filtered' | 'dead-lettered' | 'retried' | 'duplicate';
