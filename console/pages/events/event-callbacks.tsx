import { useState } from 'preact/hooks';
import { type Answer, call, type Entry } from '../../engine-client.ts';
import { type Asked, forget, useAction, useList } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { Empty } from '../../ui/page.tsx';
import { Problem, Standing } from '../../ui/problem.tsx';
import { duration, Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';

type Deliveries = Answer<'GET /v1/events/{id}/deliveries'>;
type Delivery = Deliveries['data'][number];
type Attempt = Delivery['attempts'][number];
type Subscription = Entry<'GET /v1/subscriptions'>;

/** The callbacks of an event, each with its attempts. */
export function EventCallbacks({ asked }: { readonly asked: Asked<Deliveries> }) {
  if (!maySee('subscriptions:read'))
    return (
      <Empty title="Callbacks are not shown.">
        Your access lacks “subscriptions:read”, which is needed to see them.
      </Empty>
    );
  const deliveries = asked.data?.data;
  return (
    <>
      <Standing of={asked} what="callbacks" />
      {deliveries?.length === 0 ? (
        <Empty title="No subscription gets this event.">
          Subscriptions get events that come after they were made and that their filters let pass.
        </Empty>
      ) : null}
      <ul class="callbacks">
        {(deliveries ?? []).map((delivery) => (
          <li key={delivery.id}>
            <DeliveryCard of={delivery} />
          </li>
        ))}
      </ul>
    </>
  );
}

const exhaustions: Readonly<Record<string, string>> = {
  gone: 'The endpoint answered 410: it wants no more callbacks.',
  'attempts-exhausted': 'All attempts have failed. Only a replay or a redelivery sends it again.',
  'too-old': 'It could not be delivered in the time that the subscription allows.',
  'too-large': 'The destination takes no message of this size.',
  'event-expired': 'The event expired before it could be delivered.',
};

function DeliveryCard({ of: delivery }: { readonly of: Delivery }) {
  const { attempts, attempt_count: count } = delivery;
  return (
    <>
      <h3>
        <a href={href(`/subscriptions/${encodeURIComponent(delivery.subscription_id)}`)}>{delivery.subscription_id}</a>{' '}
        <Badge of={delivery.state} />
      </h3>
      <p class="quiet">{standingOf(delivery)}</p>
      {count > attempts.length ? (
        <p class="quiet">
          The last {attempts.length} of {count} attempts:
        </p>
      ) : null}
      <ol class="attempts">
        {attempts.map((attempt) => (
          <li key={attempt.number}>
            <AttemptLine of={attempt} />
          </li>
        ))}
      </ol>
      <a href={href(`/deliveries/${encodeURIComponent(delivery.id)}`)}>
        Open the delivery<span class="hidden"> to {delivery.subscription_id}</span>
      </a>
    </>
  );
}

function standingOf({ state, exhausted_by: reason, next_attempt_at: next, waits_for: waitsFor, replay }: Delivery) {
  if (reason !== null) return exhaustions[reason];
  if (next !== null)
    return (
      <>
        Next attempt <Time at={next} />.
      </>
    );
  if (waitsFor === 'endpoint') return 'It waits until the endpoint takes callbacks.';
  if (state === 'waiting') return 'It waits for its first attempt.';
  if (replay === null) return undefined;
  return replay === 'manual' ? 'It was sent again by hand.' : 'A replay sent it.';
}

const triggers = { schedule: '', probe: 'probe', manual: 'by hand' } as const;

function AttemptLine({ of: { number, at, trigger, status, error, duration_ms: tookMs } }: { readonly of: Attempt }) {
  const isGood = status !== null && status >= 200 && status < 300;
  return (
    <>
      <span class="attempt">
        <span>{number}.</span>
        <Badge of={status === null ? 'no answer' : String(status)} tone={isGood ? 'good' : 'bad'} />
        <span>{duration(tookMs)}</span>
        <span class="quiet">
          <Time at={at} as="absolute" /> {triggers[trigger]}
        </span>
      </span>
      {error === null ? null : <span class="attempt-error">{error}</span>}
    </>
  );
}

/** Sends an event to a subscription again. */
export function Redeliver({ event }: { readonly event: FeedEvent }) {
  const may = maySee('subscriptions:write');
  const [chosen, choose] = useState('');
  const list = useList('GET /v1/subscriptions', { query: { limit: 200 } }, { isEnabled: may });
  const deliver = useAction(async (idempotencyKey, subscription: string) => {
    const params = { id: event.id };
    const delivery = await call('POST /v1/events/{id}/redeliver', { params, body: { subscription }, idempotencyKey });
    await forget('GET /v1/events/{id}/deliveries', 'GET /v1/deliveries', 'GET /v1/deliveries/{id}');
    return delivery;
  });
  if (!may) return <p class="quiet">Your access lacks “subscriptions:write”, which is needed to deliver it again.</p>;
  const possible = (list.data ?? []).filter(({ tenant }) => tenant === null || tenant === event.tenant);
  return (
    <form
      class="form"
      onSubmit={(submit) => {
        submit.preventDefault();
        if (chosen !== '') void deliver.run(chosen);
      }}
    >
      <Standing of={list} what="subscriptions" />
      <ChoiceField
        label="Deliver it again to"
        value={chosen}
        onChange={(value) => {
          deliver.clear();
          choose(value);
        }}
        choices={{ '': 'Choose a subscription', ...Object.fromEntries(possible.map((one) => [one.id, nameOf(one)])) }}
        hint="The subscription gets this event once more, now. A receiver that stores event ids knows it already."
        faults={faultsAt(deliver.problem, 'subscription')}
      />
      {list.hasMore ? (
        <button type="button" class="small" onClick={list.more} disabled={list.isFetching}>
          More subscriptions
        </button>
      ) : null}
      <Problem problem={deliver.problem} />
      <div class="actions">
        <button type="submit" disabled={chosen === '' || deliver.isRunning}>
          {deliver.isRunning ? 'Queueing…' : 'Deliver again'}
        </button>
        <span role="status">
          {deliver.data === undefined ? null : (
            <>
              Queued:{' '}
              <a href={href(`/deliveries/${encodeURIComponent(deliver.data.id)}`)}>
                the delivery to {deliver.data.subscription_id}
              </a>
              .
            </>
          )}
        </span>
      </div>
    </form>
  );
}

function nameOf({ id, description, url, status }: Subscription): string {
  return `${description ?? url} (${id}${status === 'disabled' ? ', disabled' : ''})`;
}
