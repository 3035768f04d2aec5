import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { type Filters, useFilters } from '../../ui/filters.tsx';
import { address, CorrelationId, EventLink, RecordLink, SubscriptionLink } from '../../ui/links.tsx';
import { Note } from '../../ui/note.tsx';
import { Empty, Facts, Page, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { duration, Time } from '../../ui/time.tsx';
import { DeliveryActions } from './delivery-actions.tsx';
import { DeliveryRequest } from './delivery-request.tsx';
import { exhaustedMeanings, isPending, stateMeanings, triggerMeanings } from './delivery-words.ts';
import { Outcome } from './outcome.tsx';

type Delivery = Answer<'GET /v1/deliveries/{id}'>;
type Attempt = Delivery['attempts'][number];

/** Characters of an answer that show without a click. */
const shownAnswer = 400;

function DeliveryFacts({ of }: { readonly of: Delivery }) {
  const event = useAnswer('GET /v1/events/{id}', { params: { id: of.event_id } }, { isEnabled: maySee('events:read') });
  const { data } = event;
  return (
    <Section title="Facts">
      <p>
        <Badge of={of.state} /> {stateMeanings[of.state]}{' '}
        {of.exhausted_by === null ? null : exhaustedMeanings[of.exhausted_by]}
      </p>
      <Facts
        of={{
          Event: <EventLink id={of.event_id} />,
          Type: data?.type,
          Resource: data?.resource,
          Record: data === undefined ? null : <RecordLink of={data} />,
          'Event time': data === undefined ? null : <Time at={data.timestamp} as="absolute" />,
          Subscription: <SubscriptionLink id={of.subscription_id} />,
          Tenant: of.tenant,
          'Correlation id': data === undefined ? null : <CorrelationId of={data.correlation_id} />,
          Sequence: String(of.sequence),
          Attempts: String(of.attempt_count),
          'Next attempt':
            of.waits_for === 'time' ? (
              <Time at={of.next_attempt_at} />
            ) : of.waits_for === 'endpoint' ? (
              'When the endpoint is free'
            ) : null,
          'Sent by': of.replay === null ? null : of.replay.startsWith('rpl_') ? <ReplayLink of={of} /> : 'a redelivery',
        }}
      />
      {event.problem?.status === 404 ? (
        <Note>The event is no longer kept, so what it held cannot be shown, nor sent again.</Note>
      ) : null}
    </Section>
  );
}

function ReplayLink({ of: { subscription_id: id, replay } }: { readonly of: Delivery }) {
  return <a href={address(`/subscriptions/${encodeURIComponent(id)}`, { tab: 'replays' })}>replay {replay}</a>;
}

interface AttemptsProps {
  readonly of: Delivery;
  readonly chosen: number | undefined;
  readonly onChoose: (attempt: number) => void;
}

function Attempts({ of: { attempts, attempt_count: count, state }, chosen, onChoose }: AttemptsProps) {
  if (attempts.length === 0)
    return (
      <Empty title="No attempt has been made yet.">
        {state === 'waiting' ? 'The first one appears here by itself.' : 'It ended before the first one.'}
      </Empty>
    );
  return (
    <>
      {count > attempts.length ? (
        <p class="quiet">
          The last {attempts.length} of {count} attempts are kept.
        </p>
      ) : null}
      <ol class="timeline">
        {attempts.map((attempt) => (
          <li key={attempt.number}>
            <AttemptEntry of={attempt} isChosen={attempt.number === chosen} onChoose={() => onChoose(attempt.number)} />
          </li>
        ))}
      </ol>
    </>
  );
}

interface AttemptEntryProps {
  readonly of: Attempt;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

function AttemptEntry({ of, isChosen, onChoose }: AttemptEntryProps) {
  const { number, at, response } = of;
  const start = response?.slice(0, shownAnswer) ?? '';
  return (
    <>
      <div class="attempt-head">
        <h3>Attempt {number}</h3>
        <Outcome status={of.status} error={of.error} />
        <span class="quiet">
          <Time at={at} /> · {duration(of.duration_ms)} · {triggerMeanings[of.trigger]}
        </span>
        <button type="button" class="small" aria-pressed={isChosen} onClick={onChoose}>
          {isChosen ? 'Its request is shown below' : 'Show its request'}
        </button>
      </div>
      {response === null || response === '' ? null : response.length > start.length ? (
        <details>
          <summary>
            Answer: <code>{start}…</code>
          </summary>
          <pre class="answer">{response}</pre>
        </details>
      ) : (
        <pre class="answer" tabIndex={0} role="region" aria-label={`Answer to attempt ${number}`}>
          {response}
        </pre>
      )}
    </>
  );
}

function chosenAttempt({ attempts }: Delivery, { values }: Filters): number | undefined {
  const named = attempts.find(({ number }) => String(number) === values['attempt']);
  return (named ?? attempts.at(-1))?.number;
}

/** One delivery: its attempts, what they sent, and what can be done. */
export default function DeliveryPage({ id }: { readonly id: string }) {
  const filters = useFilters(['attempt']);
  const [hasEnded, setEnded] = useState(false);
  const delivery = useAnswer('GET /v1/deliveries/{id}', { params: { id } }, { everyMs: hasEnded ? undefined : 3_000 });
  const { data } = delivery;
  useEffect(() => setEnded(data !== undefined && !isPending(data.state)), [data?.state]);
  const chosen = data === undefined ? undefined : chosenAttempt(data, filters);
  return (
    <Page title="Delivery" intro={<code>{id}</code>}>
      <Standing of={delivery} what="the delivery" />
      {data === undefined ? null : (
        <>
          <DeliveryActions of={data} />
          <DeliveryFacts of={data} />
          <Section title="Attempts">
            <Attempts of={data} chosen={chosen} onChoose={(attempt) => filters.set({ attempt: String(attempt) })} />
          </Section>
          {chosen === undefined || !maySee('events:read') ? null : (
            <DeliveryRequest key={chosen} id={id} attempt={chosen} />
          )}
        </>
      )}
    </Page>
  );
}
