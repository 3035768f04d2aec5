import type { EndpointLimits } from '../../../engine/delivery/endpoint-state.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../../../engine/delivery/next-attempt.ts';
import type { AttemptRules } from '../../../engine/delivery/record-attempt.ts';
import { type PreparedShaping, prepareShaping } from '../../../engine/shaping/shape-event.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';

/** A subscription with everything that does not depend on an event. */
export interface PreparedSubscription {
  readonly subscription: Subscription;
  readonly shaping: PreparedShaping;
  readonly limits: EndpointLimits;
  readonly rules: AttemptRules;
}

export function prepareSubscription(subscription: Subscription): PreparedSubscription {
  return {
    subscription,
    shaping: prepareShaping(subscription.shaping),
    limits: { concurrency: subscription.concurrency, ratePerSecond: subscription.ratePerSecond },
    rules: { retryPolicy: retryPolicyOf(subscription), isOrdered: subscription.ordering !== 'none' },
  };
}

/** The default policy with the subscription's own settings applied. */
export function retryPolicyOf({ retry: { scheduleMs, maxAgeMs } = {} }: Subscription): RetryPolicy {
  return {
    ...defaultRetryPolicy,
    ...(scheduleMs === undefined ? {} : { scheduleMs }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  };
}
