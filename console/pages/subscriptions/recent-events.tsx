import { useList } from '../../queries.ts';
import { tenant } from '../../session.ts';
import { ChoiceField } from '../../ui/field.tsx';

interface RecentEventsProps {
  /** Id of the event; empty for none. */
  readonly value: string;
  readonly onChange: (id: string) => void;
}

/** Events that were delivered last: the feed itself can only be read forwards. */
export function RecentEvents({ value, onChange }: RecentEventsProps) {
  const list = useList('GET /v1/deliveries', { query: { tenant: tenant.value } });
  const events = (list.data ?? []).flatMap(({ event_id: id, event }) =>
    event === null ? [] : [[id, `${event.type} ${event.resource} ${event.record_id}`] as const],
  );
  const choices = new Map<string, string>(events);
  const none = events.length === 0 ? 'None was delivered lately' : 'Choose one';
  return (
    <ChoiceField
      label="Recent event"
      value={choices.has(value) ? value : ''}
      onChange={onChange}
      choices={{ '': none, ...Object.fromEntries(choices) }}
    />
  );
}
