import { wholeNumber } from './whole-number.ts';

/** Throttles of the HTTP API, and rate limits of callers and providers. */
export const rateSettings = {
  /**
   * Requests per second that a route of the HTTP API accepts before it answers 429, unless the route has its own rate.
   * Each route counts separately: a flood on one leaves the capacity of the others.
   * @default 2000
   * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
   */
  throttleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second'),
  /**
   * Burst that such a route accepts above the rate.
   * @default 4000
   */
  throttleBurst: wholeNumber(1, 1_000_000, 'requests'),
  /**
   * Webhooks per second at `/in/{integration}/{account}`, and as many at `/in/{integration}`.
   * @default throttleRatePerSecond
   */
  ingressThrottleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second').optional(),
  /**
   * Burst that each of the two routes accepts above the rate.
   * @default throttleBurst
   */
  ingressThrottleBurst: wholeNumber(1, 1_000_000, 'requests').optional(),
  /**
   * API calls per second, all keys together.
   * @default 500
   */
  apiThrottleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second'),
  /**
   * Burst of API calls that is accepted above the rate.
   * @default 1000
   */
  apiThrottleBurst: wholeNumber(1, 1_000_000, 'requests'),
  /**
   * API calls that one key may make in a minute, and in one burst, unless the key has its own rate.
   * @default 3000; 60000 in local
   */
  apiKeyRatePerMinute: wholeNumber(1, 1_000_000, 'calls'),
  /**
   * API calls that all keys of one tenant together may make in a minute, and in one burst.
   * @default 6000; 60000 in local
   */
  apiTenantRatePerMinute: wholeNumber(1, 1_000_000, 'calls'),
  /**
   * Webhooks that one account may bring in a minute, and in one burst; more are answered 429 with `Retry-After`.
   * Instances of ingress count separately and settle with each other in blocks, so each may let through a 600th more.
   * @default 12000; 1000000 in local
   */
  ingressAccountRatePerMinute: wholeNumber(1, 10_000_000, 'webhooks'),
  /**
   * The same for all accounts of one tenant together.
   * @default 60000; 1000000 in local
   */
  ingressTenantRatePerMinute: wholeNumber(1, 10_000_000, 'webhooks'),
  /**
   * Calls of one key that may hold a function while they wait at the same time: `wait` of the feed and of leases, tests
   * of endpoints, dry runs of replays. A read beyond it is answered at once, a test or dry run with 429.
   * @default 5
   */
  apiWaitingCallsPerKey: wholeNumber(1, 1_000, 'calls'),
  /**
   * The same for all keys of one tenant together.
   * @default 20; 10 in local, where 16 invocations of a function run concurrently
   */
  apiWaitingCallsPerTenant: wholeNumber(1, 1_000, 'calls'),
};
