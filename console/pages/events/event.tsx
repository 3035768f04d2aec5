import { useAnswer } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { Copy, Json } from '../../ui/copy.tsx';
import { CorrelationId } from '../../ui/links.tsx';
import { Empty, Facts, Page, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Time } from '../../ui/time.tsx';
import { EventCallbacks, Redeliver } from './event-callbacks.tsx';
import type { FeedEvent } from './event-feed.ts';
import {
  AccountLink,
  EventMarks,
  EventType,
  eventPath,
  originTexts,
  SubjectLink,
  subjectPath,
} from './event-parts.tsx';
import { EventRequest } from './event-request.tsx';
import { EventWay } from './event-way.tsx';

/** Callbacks move for a while after an event. Milliseconds. */
const everyMs = 4_000;

/** One event and its whole way: the provider's request, the event, the callbacks. */
export default function EventPage({ id }: { readonly id: string }) {
  const asked = useAnswer('GET /v1/events/{id}', { params: { id } });
  const event = asked.data;
  return (
    <Page
      title="Event"
      intro={<code>{id}</code>}
      actions={event === undefined ? undefined : <EventActions event={event} />}
    >
      {event === undefined && asked.problem?.status === 404 ? (
        <Empty title="There is no such event.">
          <p>Its id may be wrong, it may belong to another tenant, or it is no longer kept.</p>
          <a href={href('/events')}>To the events</a>
        </Empty>
      ) : (
        <Standing of={asked} what="the event" />
      )}
      {event === undefined ? null : <Trace key={id} event={event} />}
    </Page>
  );
}

function EventActions({ event }: { readonly event: FeedEvent }) {
  const path = subjectPath(event);
  const isRecord = event.type.startsWith('record:');
  return (
    <>
      {path === undefined ? null : (
        <a class="button" href={href(path)}>
          {isRecord ? 'History of the record' : 'What it is about'}
        </a>
      )}
      <a class="button" href={href(`/playground?event=${encodeURIComponent(event.id)}`)}>
        Try in the playground
      </a>
      <Copy
        label="Copy as curl"
        text={`curl '${location.origin}/v1${eventPath(event.id)}' --header "Authorization: Bearer $TRIBUTARY_KEY"`}
      />
    </>
  );
}

function Trace({ event }: { readonly event: FeedEvent }) {
  const params = { id: event.id };
  const request = useAnswer('GET /v1/events/{id}/request', { params });
  const deliveries = useAnswer(
    'GET /v1/events/{id}/deliveries',
    { params },
    { everyMs, isEnabled: maySee('subscriptions:read') },
  );
  return (
    <>
      <EventWay event={event} request={request.data} deliveries={deliveries.data?.data} />
      <div class="trace">
        <Section title="Provider’s request">
          <EventRequest asked={request} event={event} />
        </Section>
        <Section title="Event" actions={<Copy label="Copy the event" text={JSON.stringify(event, null, 2)} />}>
          <EventFacts event={event} />
          <h3>Data</h3>
          <Json value={event.data} label="Data of the event" />
        </Section>
        <Section title="Callbacks">
          <EventCallbacks asked={deliveries} />
          {maySee('subscriptions:read') ? <Redeliver event={event} /> : null}
        </Section>
      </div>
    </>
  );
}

function EventFacts({ event }: { readonly event: FeedEvent }) {
  const { integration, resource, account } = event;
  const isProviders = integration !== 'tributary';
  return (
    <Facts
      of={{
        Type: (
          <>
            <EventType of={event.type} />
            <EventMarks event={event} />
          </>
        ),
        [isProviders ? 'Record' : 'About']: <SubjectLink event={event} />,
        Resource: isProviders ? (
          <a href={href(`/catalogue?schema=${encodeURIComponent(resource)}`)}>{resource}</a>
        ) : (
          resource
        ),
        Account: <AccountLink id={account} />,
        Integration: isProviders ? (
          <a href={href(`/catalogue?integration=${encodeURIComponent(integration)}`)}>{integration}</a>
        ) : undefined,
        Tenant: event.tenant,
        Recorded: <Time at={event.timestamp} as="absolute" />,
        'Changed at the provider': event.occurred_at && <Time at={event.occurred_at} as="absolute" />,
        Origin: <span title={originTexts[event.origin]}>{event.origin}</span>,
        'Name at the provider': <code>{event.raw_event_type}</code>,
        'Sequence number': event.sequence,
        'Schema version': event.schema_version,
        'Correlation id': <CorrelationId of={event.correlation_id} />,
      }}
    />
  );
}
