import type { Entry } from '../../engine-client.ts';
import { Badge } from '../../ui/badge.tsx';
import { DeliveryLink, SubscriptionLink } from '../../ui/links.tsx';
import type { Column } from '../../ui/table.tsx';
import { duration, Time } from '../../ui/time.tsx';
import { Outcome } from './outcome.tsx';

type Delivery = Entry<'GET /v1/deliveries'>;

function What({ of: { id, event } }: { readonly of: Delivery }) {
  if (event === null) return <DeliveryLink id={id}>Event no longer kept</DeliveryLink>;
  return (
    <>
      <DeliveryLink id={id}>{event.type}</DeliveryLink>
      <span class="below">
        {event.resource} {event.record_id}
      </span>
    </>
  );
}

function LastAttempt({ of: { attempts } }: { readonly of: Delivery }) {
  const last = attempts.at(-1);
  if (last === undefined) return <span class="quiet">none yet</span>;
  return (
    <>
      <Outcome status={last.status} error={last.error} />
      <span class="below">{duration(last.duration_ms)}</span>
    </>
  );
}

function Next({ of: { waits_for: what, next_attempt_at: at } }: { readonly of: Delivery }) {
  if (what === null) return <>–</>;
  return what === 'time' ? <Time at={at} /> : <span class="quiet">when the endpoint is free</span>;
}

const subscriptionColumn: Column<Delivery> = {
  title: 'Subscription',
  isMinor: true,
  show: ({ subscription_id: id }) => <SubscriptionLink id={id} />,
};

/** @param hasSubscription - Left out where all are of the same one. */
export function deliveryColumns(hasSubscription: boolean): readonly Column<Delivery>[] {
  return [
    { title: 'Event time', show: ({ event }) => <Time at={event?.timestamp} /> },
    { title: 'State', show: ({ state }) => <Badge of={state} /> },
    { title: 'Event', show: (delivery) => <What of={delivery} /> },
    ...(hasSubscription ? [subscriptionColumn] : []),
    { title: 'Attempts', isNumber: true, isMinor: true, show: ({ attempt_count: count }) => count },
    { title: 'Last attempt', show: (delivery) => <LastAttempt of={delivery} /> },
    { title: 'Next attempt', isMinor: true, show: (delivery) => <Next of={delivery} /> },
  ];
}
