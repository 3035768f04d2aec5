import type { ComponentChildren } from 'preact';
import { href, maySee } from '../session.ts';
import { Copy } from './copy.tsx';

/** The address of a page with a query; members without a value are left out. */
export function address(path: string, query: Readonly<Record<string, string | null | undefined>> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []));
  const search = new URLSearchParams(given).toString();
  return `${href(path)}${search === '' ? '' : `?${search}`}`;
}

interface LinkProps {
  readonly id: string;
  /** @default the id */
  readonly children?: ComponentChildren;
}

export function DeliveryLink({ id, children }: LinkProps) {
  return <a href={href(`/deliveries/${encodeURIComponent(id)}`)}>{children ?? id}</a>;
}

export function SubscriptionLink({ id, children }: LinkProps) {
  return <a href={href(`/subscriptions/${encodeURIComponent(id)}`)}>{children ?? id}</a>;
}

/** Plain text for who may not read events. */
/** What brought an event: leads to everything else that it brought. */
export function CorrelationId({ of }: { readonly of: string | undefined }) {
  if (of === undefined) return null;
  return (
    <>
      <a href={address('/events', { correlation_id: of })}>
        <code>{of}</code>
      </a>{' '}
      <Copy text={of} />
    </>
  );
}

export function EventLink({ id, children }: LinkProps) {
  if (!maySee('events:read')) return <>{children ?? id}</>;
  return <a href={href(`/events/${encodeURIComponent(id)}`)}>{children ?? id}</a>;
}

interface RecordLinkProps {
  readonly of: { readonly account: string; readonly resource: string; readonly record_id: string };
}

/** The history of a record. */
export function RecordLink({ of: { account, resource, record_id: record } }: RecordLinkProps) {
  if (!maySee('events:read')) return <>{record}</>;
  return (
    <a href={href(`/records/${encodeURIComponent(account)}/${resource}/${encodeURIComponent(record)}`)}>{record}</a>
  );
}
