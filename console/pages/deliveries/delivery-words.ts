import type { Answer } from '../../engine-client.ts';

type Delivery = Answer<'GET /v1/deliveries/{id}'>;
export type DeliveryState = Delivery['state'];

export const stateMeanings: Readonly<Record<DeliveryState, string>> = {
  waiting: 'It has not been sent yet.',
  retrying: 'It failed, and is tried again by itself.',
  delivered: 'The endpoint accepted it.',
  exhausted: 'It failed, and is not tried again by itself.',
  cancelled: 'Its owner cancelled it, so it is not sent.',
};

export const exhaustedMeanings: Readonly<Record<NonNullable<Delivery['exhausted_by']>, string>> = {
  gone: 'The endpoint answered 410: it wants nothing more.',
  'attempts-exhausted': 'All attempts of the schedule were made.',
  'too-old': 'The next attempt would be later than the subscription allows.',
  'too-large': 'The destination takes no message of this size.',
  'event-expired': 'The event is no longer kept.',
};

export const triggerMeanings: Readonly<Record<Delivery['attempts'][number]['trigger'], string>> = {
  schedule: 'by the schedule',
  probe: 'to find out whether the endpoint is back',
  manual: 'because a person asked for it',
};

/** Whether it is still to be sent. */
export function isPending(state: DeliveryState): boolean {
  return state === 'waiting' || state === 'retrying';
}
