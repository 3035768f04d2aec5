import { href, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Time } from '../../ui/time.tsx';
import type { FeedEvent } from './event-feed.ts';

const tones = {
  'record:created': 'good',
  'record:updated': 'busy',
  'record:deleted': 'bad',
  'sync:combined': 'quiet',
} as const;

/** The type of an event; what the engine reports about itself stands out. */
export function EventType({ of }: { readonly of: string }) {
  return <Badge of={of} tone={of in tones ? tones[of as keyof typeof tones] : 'warn'} />;
}

export const originTexts: Readonly<Record<string, string>> = {
  webhook: 'A webhook of the provider',
  poll: 'A poll of the provider',
  reconcile: 'A comparison of all records with the provider',
  backfill: 'A backfill of older records',
  test: 'A test: the event is invented',
  operation: 'Tributary, about itself',
};

/** Marks of an event that a reader has to know. */
export function EventMarks({ event }: { readonly event: Pick<FeedEvent, 'thin' | 'snapshot'> }) {
  return (
    <>
      {event.thin === true ? (
        <>
          {' '}
          <span title="The provider sent a notice without the record.">
            <Badge of="thin" />
          </span>
        </>
      ) : null}
      {event.snapshot === true ? (
        <>
          {' '}
          <span title="The first run of a sync found the record, which may be much older.">
            <Badge of="snapshot" />
          </span>
        </>
      ) : null}
    </>
  );
}

/** Path of a record's page. Its id may hold slashes. */
function recordPath(account: string, resource: string, recordId: string): string {
  return `/records/${encodeURIComponent(account)}/${resource}/${encodeURIComponent(recordId)}`;
}

const operationPages: Readonly<Record<string, string>> = {
  'tributary/subscriptions': '/subscriptions/',
  'tributary/accounts': '/accounts/',
  'tributary/deliveries': '/events/',
};

/** Path of what an event is about; undefined where it has no page. */
export function subjectPath({
  type,
  account,
  resource,
  record_id: recordId,
}: Pick<FeedEvent, 'type' | 'account' | 'resource' | 'record_id'>): string | undefined {
  if (type.startsWith('record:')) return recordPath(account, resource, recordId);
  const page = operationPages[resource];
  return page === undefined ? undefined : `${page}${encodeURIComponent(recordId)}`;
}

/** The record of an event, or what the engine reports about. */
export function SubjectLink({ event }: { readonly event: FeedEvent }) {
  const path = subjectPath(event);
  const text = <code>{event.record_id}</code>;
  return path === undefined ? text : <a href={href(path)}>{text}</a>;
}

export function AccountLink({ id }: { readonly id: string }) {
  const isProviders = id !== 'tributary';
  return isProviders && maySee('accounts:read') ? <a href={href(`/accounts/${encodeURIComponent(id)}`)}>{id}</a> : id;
}

/** The beginning of an id, which is enough to tell two apart in a list. */
export const shortId = (id: string) => (id.length > 14 ? `${id.slice(0, 12)}…` : id);

export const eventPath = (id: string) => `/events/${encodeURIComponent(id)}`;

/** When: the time of day for today, else the date, too. */
export function EventTime({ at }: { readonly at: string }) {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return <Time at={at} as={isToday ? 'clock' : 'absolute'} />;
}
