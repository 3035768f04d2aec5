import type { Answer } from '../../engine-client.ts';
import type { Asked } from '../../queries.ts';
import { Code, Json } from '../../ui/copy.tsx';
import { Empty, Facts } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { duration, Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';
import { originTexts } from './event-parts.tsx';

type ProviderRequest = Answer<'GET /v1/events/{id}/request'>;

interface EventRequestProps {
  readonly asked: Asked<ProviderRequest>;
  readonly event: FeedEvent;
}

/** The request of the provider that brought an event, or why there is none. */
export function EventRequest({ asked, event }: EventRequestProps) {
  const { data, problem } = asked;
  if (data !== undefined) return <Request of={data} event={event} />;
  const absence = problem?.status === 404 ? absenceOf(problem.reason, event) : undefined;
  if (absence === undefined) return <Standing of={asked} what="the request" />;
  return <Empty title={absence.title}>{absence.text}</Empty>;
}

function absenceOf(
  reason: string | undefined,
  { origin }: FeedEvent,
): { readonly title: string; readonly text: string } | undefined {
  switch (reason) {
    case 'not-a-webhook':
      return {
        title: 'No webhook brought this event.',
        text: `It comes from: ${(originTexts[origin] ?? origin).replace(/^[A-Z]/, (letter) => letter.toLowerCase())}.`,
      };
    case 'not-kept':
      return {
        title: 'The request is no longer kept.',
        text: 'Raw requests are kept for a limited time, and are deleted with their account. The event itself is complete.',
      };
    case 'shared-request':
      return {
        title: 'The request may hold data of other tenants.',
        text: 'It came to the URL that serves all accounts of the integration. Only a key for all tenants may see it.',
      };
    case 'not-searched':
      return {
        title: 'The request was not found in time.',
        text: 'More was received at that time than one call can search. The event itself is complete.',
      };
    case 'event-unknown':
      return {
        title: 'The event is no longer kept.',
        text: 'Without it, the request that brought it cannot be found.',
      };
    default:
      return undefined;
  }
}

function Request({ of: request, event }: { readonly of: ProviderRequest; readonly event: FeedEvent }) {
  const { method, path, headers, body, encoding } = request;
  const tookMs = Date.parse(event.timestamp) - Date.parse(request.received_at);
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return (
    <>
      <p>
        <code>
          {method} {path}
        </code>
      </p>
      <Facts
        of={{
          Received: <Time at={request.received_at} as="absolute" />,
          'Became an event after': tookMs > 0 ? duration(tookMs) : undefined,
          'Request id': <code>{request.id}</code>,
          Size: `${request.body_bytes.toLocaleString()} bytes`,
          'Kind of body': type,
        }}
      />
      <h3>Body</h3>
      {body === '' ? (
        <p class="quiet">The request has no body.</p>
      ) : encoding === 'base64' ? (
        <>
          <p class="quiet">The body is not text. It is shown as base64.</p>
          <Code text={body} label="Body of the request, as base64" isWrapped />
        </>
      ) : isJson(body) ? (
        <Json value={body} label="Body of the request" />
      ) : (
        <Code text={body} label="Body of the request" isWrapped />
      )}
      <h3>Headers</h3>
      <dl class="pairs">
        {Object.entries(headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">Headers that hold credentials are not kept.</p>
    </>
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
