import type { Answer } from '../../engine-client.ts';
import { duration, Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';

type Request = Answer<'GET /v1/events/{id}/request'>;
type Delivery = Answer<'GET /v1/events/{id}/deliveries'>['data'][number];

interface EventWayProps {
  readonly event: FeedEvent;
  readonly request: Request | undefined;
  readonly deliveries: readonly Delivery[] | undefined;
}

interface Step {
  readonly title: string;
  readonly atMs: number;
}

/** What happened to a change and when, from the provider to the receivers. */
export function EventWay({ event, request, deliveries = [] }: EventWayProps) {
  const arrivals = deliveries.flatMap(({ attempts }) => {
    const arrived = attempts.find(({ status }) => status !== null && status >= 200 && status < 300);
    return arrived === undefined ? [] : [Date.parse(arrived.at) + arrived.duration_ms];
  });
  const steps: readonly Step[] = [
    ...(event.occurred_at === undefined
      ? []
      : [{ title: 'Changed at the provider', atMs: Date.parse(event.occurred_at) }]),
    ...(request === undefined ? [] : [{ title: 'Webhook received', atMs: Date.parse(request.received_at) }]),
    { title: 'Event recorded', atMs: Date.parse(event.timestamp) },
    ...(arrivals.length === 0 ? [] : [{ title: 'First callback delivered', atMs: Math.min(...arrivals) }]),
    ...(arrivals.length > 1 && arrivals.length === deliveries.length
      ? [{ title: `All ${arrivals.length} delivered`, atMs: Math.max(...arrivals) }]
      : []),
  ];
  return (
    <ol class="way" aria-label="The way of the event">
      {steps.map(({ title, atMs }, place) => (
        <li key={title}>
          <span>{title}</span>
          <span class="quiet">
            <Time at={new Date(atMs).toISOString()} as={isSameDay(steps[place - 1], atMs) ? 'clock' : 'absolute'} />
            {sinceText(steps[place - 1], atMs)}
          </span>
        </li>
      ))}
    </ol>
  );
}

const isSameDay = (before: Step | undefined, atMs: number) =>
  before !== undefined && new Date(before.atMs).toDateString() === new Date(atMs).toDateString();

/** Providers may state times in seconds, and clocks differ: a step back is not shown. */
function sinceText(before: Step | undefined, atMs: number): string {
  return before === undefined || atMs < before.atMs ? '' : `, +${duration(atMs - before.atMs)}`;
}
