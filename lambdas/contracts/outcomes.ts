/** CloudWatch namespace of every metric of the engine. */
export const metricsNamespace = 'Tributary';

/**
 * How an input ends. Every input ends as exactly one of these, so that inputs equal the sum of
 * outcomes; each is a metric of the same name, counted in the function that decides it.
 *
 * Requests (ingress, normalize): `rejected`, `handshake`, `accepted`, then for each accepted one
 * `mapped`, `ignored`, `unrouted` or `dead-lettered`. Events (normalize): `published`, `duplicate`. Deliveries
 * (normalize, deliver): `enqueued`, `filtered`, `delivered`, `retried`, `dead-lettered`.
 */
export const outcomes = {
  ingress: ['accepted', 'handshake', 'rejected'],
  normalize: ['mapped', 'ignored', 'unrouted', 'dead-lettered', 'published', 'duplicate', 'enqueued', 'filtered'],
  deliver: ['delivered', 'retried', 'duplicate', 'dead-lettered', 'filtered'],
} as const;
