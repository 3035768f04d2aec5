import { useEffect, useRef, useState } from 'preact/hooks';
import { href, tenant } from '../../session.ts';
import { type Filters, useFilters } from '../../ui/filters.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import type { FeedEvent } from './event-feed.ts';
import { EventFilters, feedFilters } from './event-filters.tsx';
import { AccountLink, EventMarks, EventTime, EventType, eventPath, SubjectLink, shortId } from './event-parts.tsx';
import { type EventTail, mostShown, useEventTail } from './event-tail.ts';

/** Pixels from the top after which a reader is taken to read, and not to watch. */
const readsAtPx = 80;

function useIsScrolled(): boolean {
  const [isScrolled, set] = useState(false);
  useEffect(() => {
    const look = () => set(scrollY > readsAtPx);
    look();
    addEventListener('scroll', look, { passive: true });
    return () => removeEventListener('scroll', look);
  }, []);
  return isScrolled;
}

const columns: readonly Column<FeedEvent>[] = [
  { title: 'Time', show: ({ timestamp }) => <EventTime at={timestamp} /> },
  {
    title: 'Type',
    show: (event) => (
      <>
        <EventType of={event.type} />
        <EventMarks event={event} />
      </>
    ),
  },
  { title: 'Resource', show: ({ resource }) => resource, isMinor: true },
  { title: 'Record', show: (event) => <SubjectLink event={event} /> },
  {
    title: 'Account',
    show: ({ account, integration }) => (
      <>
        <AccountLink id={account} /> {integration === account ? null : <span class="quiet">{integration}</span>}
      </>
    ),
    isMinor: true,
  },
  { title: 'Origin', show: ({ origin }) => origin, isMinor: true },
  {
    title: 'Event',
    show: ({ id }) => (
      <a href={href(eventPath(id))} title={id}>
        <code>{shortId(id)}</code>
      </a>
    ),
  },
];

/** When what a correlation id names began: the id says so. @returns Undefined without an id. */
function sinceOf(correlationId: string | undefined): string | undefined {
  if (correlationId === undefined) return undefined;
  const [, base36] = /^(?:raw|run)_([0-9a-z]{1,9})/.exec(correlationId) ?? [];
  const ms = base36 === undefined ? Number.parseInt(correlationId.slice(0, 12), 16) : Number.parseInt(base36, 36);
  // The digits of an event that nothing else began are no time.
  return ms > Date.UTC(2026) && ms <= Date.now() ? new Date(ms).toISOString() : 'beginning';
}

/** The events of one tenant, newest first, as they come. */
export default function EventsPage() {
  const filters = useFilters(feedFilters);
  const { since, ...given } = filters.values;
  // A record's events may be far back, and few.
  const usualSince = sinceOf(given['correlation_id']) ?? (given['record_id'] === undefined ? '1h' : 'beginning');
  const [isPaused, pause] = useState(false);
  const isScrolled = useIsScrolled();
  const query = tenant.value === undefined ? undefined : { ...given, tenant: tenant.value };
  const tail = useEventTail(query, since ?? usualSince, isPaused || isScrolled);
  // The fault is beside its filter; the same again would be refused again.
  const isRefused = (tail.problem?.faults ?? []).length > 0;
  return (
    <Page title="Events" intro="What has changed at the providers of one tenant. New events appear at the top.">
      <EventFilters filters={filters} usualSince={usualSince} problem={tail.problem} />
      {query === undefined ? (
        <Empty title="Choose a tenant">
          Each tenant has a feed of its own. Choose whose events to see at the top of the page.
        </Empty>
      ) : (
        <>
          <Problem problem={tail.problem} isRetrying={tail.isRetrying} onRetry={isRefused ? undefined : tail.readOn} />
          <Feed
            tail={tail}
            filters={filters}
            since={since ?? usualSince}
            isPaused={isPaused}
            isScrolled={isScrolled}
            onPause={pause}
          />
        </>
      )}
    </Page>
  );
}

interface FeedProps {
  readonly tail: EventTail;
  readonly filters: Filters;
  readonly since: string;
  readonly isPaused: boolean;
  readonly isScrolled: boolean;
  readonly onPause: (isPaused: boolean) => void;
}

function Feed({ tail, filters, since, isPaused, isScrolled, onPause }: FeedProps) {
  const list = useRef<HTMLDivElement>(null);
  const { phase, shown, waiting } = tail;
  const isGivenUp = tail.problem !== undefined && !tail.isRetrying;
  const insert = () => {
    tail.insert();
    scrollTo(0, 0);
    list.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <div class="tail-bar">
        <button type="button" class="small" onClick={() => onPause(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <span class="quiet" role="status">
          {isGivenUp ? '' : stateText(tail, isPaused, isScrolled)}
        </span>
        {waiting.length === 0 ? null : (
          <button type="button" class="small primary" onClick={insert}>
            {waiting.length < mostShown ? waiting.length : `${mostShown} or more`} new{' '}
            {waiting.length === 1 ? 'event' : 'events'}
          </button>
        )}
      </div>
      {phase === 'reading' && !isGivenUp ? <Reading count={tail.readCount} /> : null}
      {phase === 'stopped' ? <Stopped tail={tail} filters={filters} /> : null}
      <div ref={list} tabIndex={-1} class="tail-list">
        {shown.length > 0 && phase !== 'reading' ? (
          <Table caption="Events" columns={columns} items={shown} keyOf={({ id }) => id} />
        ) : null}
        {shown.length === 0 && phase === 'live' && !isGivenUp ? <NoEvents filters={filters} since={since} /> : null}
      </div>
      {shown.length === mostShown && phase !== 'reading' ? (
        <p class="quiet">
          These are the newest {mostShown} of {tail.readCount.toLocaleString()} events that were read. To see others,
          narrow the filters.
        </p>
      ) : null}
    </>
  );
}

function Reading({ count }: { readonly count: number }) {
  return <p class="loading">{count === 0 ? 'Loading events…' : `Read ${count.toLocaleString()} events so far…`}</p>;
}

function stateText({ phase, waiting }: EventTail, isPaused: boolean, isScrolled: boolean): string {
  if (phase === 'reading') return 'Reading the events up to now.';
  if (phase === 'stopped') return 'Stopped before the newest event.';
  if (isPaused) return 'Paused: new events wait.';
  if (isScrolled) return waiting.length === 0 ? 'Live.' : 'New events wait, because you are reading further down.';
  return 'Live: new events appear by themselves.';
}

/** There is more to read than one may want to wait for. */
function Stopped({ tail, filters }: { readonly tail: EventTail; readonly filters: Filters }) {
  const last = tail.shown[0];
  return (
    <div class="note note-warn">
      <p>
        {tail.readCount.toLocaleString()} events were read
        {last === undefined ? null : (
          <>
            {' '}
            up to <EventTime at={last.timestamp} />
          </>
        )}
        , and more follow.
      </p>
      <div class="actions">
        <button type="button" onClick={tail.readOn}>
          Read on
        </button>
        <button type="button" onClick={() => filters.set({ since: 'now' })}>
          Skip to what comes from now on
        </button>
      </div>
    </div>
  );
}

function NoEvents({ filters, since }: { readonly filters: Filters; readonly since: string }) {
  const isDuration = /^\d+[mhd]$/.test(since);
  const from = isDuration ? ` in the last ${since}` : since === 'beginning' || since === 'now' ? '' : ` since ${since}`;
  return (
    <Empty title={`There are no ${filters.hasAny ? 'such ' : ''}events${from}.`}>
      <p>They appear here as soon as a provider tells of a change, or a sync finds one.</p>
      {since === 'beginning' ? null : (
        <p class="actions">
          <button type="button" onClick={() => filters.set({ since: '24h' })}>
            Look at the last day
          </button>
          <button type="button" onClick={() => filters.set({ since: 'beginning' })}>
            Look from the beginning
          </button>
        </p>
      )}
    </Empty>
  );
}
