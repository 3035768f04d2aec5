import { useId, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { useList } from '../queries.ts';
import { href, maySee, tenant } from '../session.ts';
import { Dialog } from '../ui/dialog.tsx';

interface FinderProps {
  readonly places: readonly { readonly title: string; readonly path: string; readonly scope: string }[];
  readonly onClose: () => void;
}

interface Hit {
  readonly title: string;
  readonly kind: string;
  readonly path: string;
}

/** Pages of objects whose ids say what they are. */
const byPrefix: readonly (readonly [prefix: string, kind: string, path: (id: string) => string])[] = [
  ['evt_', 'Event', (id) => `/events/${id}`],
  ['dlv_', 'Delivery', (id) => `/deliveries/${id}`],
];
const mostHits = 12;

/** A correlation id, or the id of a provider's request or of a run, which stand for one. */
const correlation = /^([0-9a-f]{32}|raw_[0-9a-z]{1,9}_[0-9a-f]{20}|run_[0-9a-z]{21})$/;

/** What a text finds: objects by their id or name, and pages by their title. */
function useHits(text: string, places: FinderProps['places']): readonly Hit[] {
  const query = { limit: 200, tenant: tenant.value };
  const subscriptions = useList('GET /v1/subscriptions', { query }, { isEnabled: maySee('subscriptions:read') });
  const accounts = useList('GET /v1/accounts', { query }, { isEnabled: maySee('accounts:read') });
  const typed = text.trim();
  const wanted = typed.toLowerCase();
  const matches = (...names: readonly (string | null | undefined)[]) =>
    names.some((name) => name?.toLowerCase().includes(wanted) === true);
  const searched =
    typed === '' || !maySee('events:read')
      ? []
      : [
          ...(correlation.test(typed)
            ? [{ title: typed, kind: 'Events of one webhook or run', path: `/events?correlation_id=${typed}` }]
            : []),
          {
            title: `Events of record ${typed}`,
            kind: 'Search',
            path: `/events?record_id=${encodeURIComponent(typed)}`,
          },
        ];
  return [
    ...byPrefix
      .filter(([prefix]) => typed.startsWith(prefix))
      .map(([, kind, path]) => ({ title: typed, kind, path: path(encodeURIComponent(typed)) })),
    ...places
      .filter(({ scope, title }) => maySee(scope) && matches(title))
      .map(({ title, path }) => ({ title, kind: 'Page', path })),
    ...(accounts.data ?? [])
      .filter(({ id, name, integration }) => matches(id, name, integration))
      .map(({ id, name, integration }) => ({
        title: name ?? id,
        kind: `Account, ${integration}`,
        path: `/accounts/${id}`,
      })),
    ...(subscriptions.data ?? [])
      .filter(({ id, url, description }) => matches(id, url, description))
      .map(({ id, url, description }) => ({
        title: description ?? id,
        kind: `Subscription, ${url}`,
        path: `/subscriptions/${id}`,
      })),
    ...searched,
  ].slice(0, mostHits);
}

/** Finds objects by their id or name, and pages by their title. */
export function Finder({ places, onClose }: FinderProps) {
  const { route } = useLocation();
  const [text, setText] = useState('');
  const [chosen, choose] = useState(0);
  const list = useId();
  const hits = useHits(text, places);
  const go = (hit: Hit | undefined) => {
    if (hit === undefined) return;
    onClose();
    route(href(hit.path));
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') go(hits[chosen]);
    if (step === undefined) return;
    event.preventDefault();
    choose((chosen + step + hits.length) % Math.max(1, hits.length));
  };
  return (
    <Dialog title="Find" onClose={onClose}>
      <input
        class="finder"
        type="search"
        aria-label="Id, name or page"
        // Preact's types allow the role only where a datalist is named.
        {...({ role: 'combobox' } as object)}
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={hits[chosen] === undefined ? undefined : `${list}-${chosen}`}
        placeholder="evt_…, a correlation id, an account, a subscription, a page"
        autofocus
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          choose(0);
        }}
        onKeyDown={press}
      />
      <Hits hits={hits} list={list} chosen={chosen} onGo={go} />
    </Dialog>
  );
}

interface HitsProps {
  readonly hits: readonly Hit[];
  readonly list: string;
  readonly chosen: number;
  readonly onGo: (hit: Hit) => void;
}

function Hits({ hits, list, chosen, onGo }: HitsProps) {
  return (
    <>
      <ul id={list} role="listbox" aria-label="Found" class="hits">
        {hits.map((hit, place) => (
          <li
            key={`${hit.kind} ${hit.path}`}
            id={`${list}-${place}`}
            role="option"
            aria-selected={place === chosen}
            onClick={() => onGo(hit)}
          >
            {hit.title} <span class="quiet">{hit.kind}</span>
          </li>
        ))}
      </ul>
      <p class="quiet" role="status">
        {hits.length === 0 ? 'Nothing found.' : `${hits.length} found`}
      </p>
    </>
  );
}
