import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { useList } from '../queries.ts';
import { chosenTenant, href, isOperator, maySee, session, signOut, tenant } from '../session.ts';
import { Finder } from './finder.tsx';
import { KeyHelp } from './key-help.tsx';

interface Place {
  readonly title: string;
  readonly path: string;
  /** Key that leads there, after `g`. */
  readonly key: string;
  readonly scope: string;
}

/** The pages of the menu. */
export const places: readonly Place[] = [
  { title: 'Overview', path: '/', key: 'o', scope: 'stats:read' },
  { title: 'Events', path: '/events', key: 'e', scope: 'events:read' },
  { title: 'Deliveries', path: '/deliveries', key: 'd', scope: 'subscriptions:read' },
  { title: 'Errors', path: '/errors', key: 'r', scope: 'subscriptions:read' },
  { title: 'Subscriptions', path: '/subscriptions', key: 's', scope: 'subscriptions:read' },
  { title: 'Playground', path: '/playground', key: 'p', scope: 'events:read' },
  { title: 'Accounts', path: '/accounts', key: 'a', scope: 'accounts:read' },
  { title: 'Syncs', path: '/syncs', key: 'y', scope: 'accounts:read' },
  { title: 'Catalogue', path: '/catalogue', key: 'c', scope: 'events:read' },
  { title: 'Keys', path: '/keys', key: 'k', scope: 'keys:read' },
  { title: 'Portal sessions', path: '/sessions', key: 'l', scope: 'keys:read' },
  { title: 'Tenants', path: '/tenants', key: 't', scope: 'tenants:read' },
  { title: 'Audit', path: '/audit', key: 'u', scope: 'audit:read' },
];

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

type Shown = 'keys' | 'finder' | undefined;

/** Listen to the keys of the console. */
function useKeys(show: (what: Shown) => void): void {
  const { route } = useLocation();
  useEffect(() => {
    let leader = false;
    const press = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        show('finder');
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]') !== null) return;
      const place = leader ? places.find(({ key }) => key === event.key) : undefined;
      leader = event.key === 'g';
      if (event.key === '?') show('keys');
      else if (event.key === '/') {
        event.preventDefault();
        show('finder');
      } else if (place !== undefined && maySee(place.scope)) route(href(place.path));
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [route]);
}

/** The frame of every page: the menu, who is signed in, and the keys. */
export function Layout({ children }: { readonly children: ComponentChildren }) {
  const [shown, show] = useState<Shown>();
  useKeys(show);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={href('/')}>
          Tributary
        </a>
        <TenantChoice />
        <button type="button" class="small find" onClick={() => show('finder')} aria-keyshortcuts="Meta+K Control+K">
          Find… <kbd>⌘K</kbd>
        </button>
        <Person />
      </header>
      <Menu />
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      {shown === 'keys' ? <KeyHelp places={places} onClose={() => show(undefined)} /> : null}
      {shown === 'finder' ? <Finder places={places} onClose={() => show(undefined)} /> : null}
    </div>
  );
}

function Menu() {
  const { path } = useLocation();
  const current = path.slice(href('/').length) || '/';
  return (
    <nav class="menu" aria-label="Pages">
      <ul>
        {places
          .filter(({ scope }) => maySee(scope))
          .map((place) => (
            <li key={place.path}>
              <a href={href(place.path)} aria-current={isWithin(current, place.path) ? 'page' : undefined}>
                {place.title}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  );
}

function isWithin(current: string, path: string): boolean {
  return path === '/' ? current === '/' : current === path || current.startsWith(`${path}/`);
}

/** An operator chooses whose data to look at. */
function TenantChoice() {
  const { query, path, route } = useLocation();
  useEffect(() => {
    if (isOperator.value && query['tenant'] !== undefined) chosenTenant.value = query['tenant'] || undefined;
  }, [query['tenant']]);
  const tenants = useList(
    'GET /v1/tenants',
    { query: { limit: 200 } },
    { isEnabled: isOperator.value && maySee('tenants:read') },
  );
  if (!isOperator.value) return <span class="tenant">{tenant.value}</span>;
  const names = new Set([
    ...(tenants.data ?? []).map((one) => one.tenant),
    ...(tenant.value === undefined ? [] : [tenant.value]),
  ]);
  return (
    <label class="tenant">
      <span>Tenant</span>
      <select
        value={tenant.value ?? ''}
        onChange={({ currentTarget: { value } }) => {
          chosenTenant.value = value === '' ? undefined : value;
          const { tenant: _, cursor: __, ...rest } = query;
          const search = new URLSearchParams({ ...rest, ...(value === '' ? {} : { tenant: value }) }).toString();
          route(`${path}${search === '' ? '' : `?${search}`}`, true);
        }}
      >
        <option value="">All</option>
        {[...names].sort().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Person() {
  const { caller } = session.value ?? {};
  if (caller === undefined) return null;
  const { portal } = caller;
  return (
    <span class="person">
      {portal === null ? (
        <>
          <span class="quiet" title={`Key ${caller.key}`}>
            {caller.name}
          </span>{' '}
          <button type="button" class="small" onClick={signOut}>
            Sign out
          </button>
        </>
      ) : (
        <a href={portal.return_url} rel="noreferrer">
          Back
        </a>
      )}
    </span>
  );
}
