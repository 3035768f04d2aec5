import { z } from 'zod';
import { wholeNumber } from './whole-number.ts';

/** How many invocations of each function run concurrently. */
export const concurrencySettings = {
  /**
   * How webhooks and deliveries are gathered: `latency` takes each as soon as it comes, ten at most together; `economy`
   * waits for two seconds, or for a hundred.
   * @default latency
   */
  batching: z.enum(['latency', 'economy']).describe('latency or economy'),
  /**
   * Concurrent invocations of normalize.
   * @default 50; 4 in local
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency
   */
  normalizeMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of enrich: resources of accounts whose records are read at the same time.
   * @default 20; 4 in local
   */
  enrichMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of poll: syncs that run at the same time.
   * @default 20; 4 in local
   */
  pollMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of deliver.
   * @default 100; 16 in local
   */
  deliverMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of drain: endpoints that receive their backlog at the same time. An endpoint that hangs
   * occupies an invocation until its circuit opens, and again for every probe.
   * @default 200; 16 in local
   */
  drainMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations that are reserved for ingress, and its maximum: ingress answers webhooks even when another
   * function uses up the account's concurrency.
   *
   * An account must leave 100 invocations unreserved, of 1,000 by default; a new account has fewer, often 10, and none
   * to reserve. A deployment that reserves more than the account has fails.
   * @default - ingress shares the account's concurrency
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
   */
  ingressReservedConcurrency: wholeNumber(1, 100_000, 'invocations').optional(),
  /**
   * The same for normalize; at least `normalizeMaxConcurrency`, or Lambda polls its queue with more invocations than
   * may run.
   * @default - normalize shares the account's concurrency
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency
   */
  normalizeReservedConcurrency: wholeNumber(2, 100_000, 'invocations').optional(),
  /**
   * The same for api. It is a cap as well: calls that wait (`wait` of the feed, tests of endpoints) occupy an
   * invocation for seconds, and the cap keeps them from taking concurrency from ingress.
   * @default - api shares the account's concurrency
   */
  apiReservedConcurrency: wholeNumber(1, 100_000, 'invocations').optional(),
};
