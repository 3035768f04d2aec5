import type { EndpointLimits } from '../../../engine/delivery/endpoint-state.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../../../engine/delivery/next-attempt.ts';
import type { AttemptRules } from '../../../engine/delivery/record-attempt.ts';
import { type PreparedShaping, prepareShaping } from '../../../engine/shaping/shape-event.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';

/** A subscription with all that is done once for it. */
export interface PreparedSubscription {
  readonly subscription: Subscription;
  readonly shaping: PreparedShaping;
  readonly limits: EndpointLimits;
  readonly rules: AttemptRules;
}

/** Do once for a subscription what does not depend on the event. */
export function prepareSubscription(subscription: Subscription): PreparedSubscription {
  return {
    subscription,
    shaping: prepareShaping(subscription.shaping),
    limits: { concurrency: subscription.concurrency, ratePerSecond: subscription.ratePerSecond },
    rules: { retryPolicy: retryPolicyOf(subscription), isOrdered: subscription.ordering !== 'none' },
  };
}

/** The usual policy, with what the subscription has of its own. */
export function retryPolicyOf({ retry: { scheduleMs, maxAgeMs } = {} }: Subscription): RetryPolicy {
  return {
    ...defaultRetryPolicy,
    ...(scheduleMs === undefined ? {} : { scheduleMs }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  };
}
