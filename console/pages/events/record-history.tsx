import { useEffect } from 'preact/hooks';
import { href, maySee } from '../../session.ts';
import { Json } from '../../ui/copy.tsx';
import { Empty } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';
import { EventMarks, EventType, eventPath } from './event-parts.tsx';
import { RecordDifference } from './record-difference.tsx';
import type { OlderEvents } from './record-events.ts';

interface RecordHistoryProps {
  /** Newest first. */
  readonly events: readonly FeedEvent[];
  readonly older: OlderEvents;
  /** Whether no event is older than these. */
  readonly isComplete: boolean;
  /** Whether the record has a state, which names its last events. */
  readonly hasState: boolean;
  /** Whether it is not clear yet whose feed to look through. */
  readonly hasTenant: boolean;
}

/** The events of a record, newest first, each with what it changed. */
export function RecordHistory({ events, older, isComplete, hasState, hasTenant }: RecordHistoryProps) {
  const { phase, look } = older;
  useEffect(() => {
    // Nothing names the events of a fact: only the feed has them.
    if (!hasState && hasTenant && phase === 'idle') look();
  }, [hasState, hasTenant, phase]);
  return (
    <>
      {events.length === 0 && (isComplete || phase === 'done') ? (
        <Empty title="No event of this record is kept.">
          Events are kept for a limited time. A change of the record makes a new one.
        </Empty>
      ) : null}
      <ol class="history">
        {events.map((event, place) => (
          <li key={event.id}>
            <HistoryEntry event={event} before={wholeBefore(events, place)} />
          </li>
        ))}
      </ol>
      <Problem problem={older.problem} isRetrying={older.isRetrying} />
      <Further older={older} isComplete={isComplete} hasTenant={hasTenant} />
    </>
  );
}

/** A notice without the record says nothing to compare with. */
function wholeBefore(events: readonly FeedEvent[], place: number): FeedEvent | undefined {
  return events.slice(place + 1).find(({ thin }) => thin !== true);
}

function HistoryEntry({ event, before }: { readonly event: FeedEvent; readonly before: FeedEvent | undefined }) {
  return (
    <article>
      <h3>
        <EventType of={event.type} />
        <EventMarks event={event} />{' '}
        <a href={href(eventPath(event.id))}>
          <Time at={event.timestamp} as="absolute" />
        </a>
      </h3>
      <p class="quiet">
        By {event.origin}, as “{event.raw_event_type}”. Sequence number {event.sequence}.
      </p>
      <Change event={event} before={before} />
      <details>
        <summary>Data</summary>
        <Json value={event.data} label={`Data of event ${event.sequence}`} />
      </details>
    </article>
  );
}

function Change({ event, before }: { readonly event: FeedEvent; readonly before: FeedEvent | undefined }) {
  if (event.thin === true) return <p>The provider sent a notice without the record: there is nothing to compare.</p>;
  if (event.type === 'record:deleted') return <p>The record is gone.</p>;
  if (before === undefined && event.type === 'record:created') return <p>The record was new to Tributary.</p>;
  if (before === undefined) return <p>The oldest event that is shown: there is nothing to compare it with.</p>;
  if (before.type === 'record:deleted') return <p>The record is there again.</p>;
  return <RecordDifference before={before.data} after={event.data} />;
}

/** Events that are older than those that are shown. */
function Further({
  older: { phase, look },
  isComplete,
  hasTenant,
}: {
  readonly older: OlderEvents;
  readonly isComplete: boolean;
  readonly hasTenant: boolean;
}) {
  if (isComplete || phase === 'done') return <p class="quiet">These are all events of the record that are kept.</p>;
  if (!hasTenant)
    return (
      <p class="quiet">
        {maySee('accounts:read')
          ? 'Older events are looked for when the account is known.'
          : 'To look for older events, choose the tenant of the account at the top of the page.'}
      </p>
    );
  if (phase === 'reading')
    return (
      <p class="loading" role="status">
        Looking through the feed…
      </p>
    );
  return (
    <p class="more">
      <button type="button" onClick={look}>
        {phase === 'stopped' ? 'Look further' : 'Look for older events'}
      </button>{' '}
      <span class="quiet">The feed is looked through from its beginning, which may take a while.</span>
    </p>
  );
}
