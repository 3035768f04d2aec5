import { render } from 'preact';
import { useState } from 'preact/hooks';
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import { keepFocus } from './frame/keep-focus.ts';
import { Layout, places } from './frame/layout.tsx';
import { OpenLink, SignIn, SignInAgain } from './frame/sign-in.tsx';
import { href, maySee, session, takeCode } from './session.ts';
import { Empty, Page } from './ui/page.tsx';

const Overview = lazy(() => import('./pages/overview/overview.tsx'));
const Events = lazy(() => import('./pages/events/events.tsx'));
const OneEvent = lazy(() => import('./pages/events/event.tsx'));
const OneRecord = lazy(() => import('./pages/events/record.tsx'));
const Catalogue = lazy(() => import('./pages/catalogue/catalogue.tsx'));
const Deliveries = lazy(() => import('./pages/deliveries/deliveries.tsx'));
const OneDelivery = lazy(() => import('./pages/deliveries/delivery.tsx'));
const Errors = lazy(() => import('./pages/deliveries/errors.tsx'));
const Subscriptions = lazy(() => import('./pages/subscriptions/subscriptions.tsx'));
const NewSubscription = lazy(() => import('./pages/subscriptions/new-subscription.tsx'));
const OneSubscription = lazy(() => import('./pages/subscriptions/subscription.tsx'));
const Playground = lazy(() => import('./pages/subscriptions/playground.tsx'));
const Accounts = lazy(() => import('./pages/accounts/accounts.tsx'));
const NewAccount = lazy(() => import('./pages/accounts/new-account.tsx'));
const OneAccount = lazy(() => import('./pages/accounts/account.tsx'));
const Syncs = lazy(() => import('./pages/syncs/syncs.tsx'));
const OneSync = lazy(() => import('./pages/syncs/sync.tsx'));
const Keys = lazy(() => import('./pages/governance/keys.tsx'));
const Sessions = lazy(() => import('./pages/governance/sessions.tsx'));
const Tenants = lazy(() => import('./pages/governance/tenants.tsx'));
const OneTenant = lazy(() => import('./pages/governance/tenant.tsx'));
const Audit = lazy(() => import('./pages/governance/audit.tsx'));

/** The overview, or the first page that the caller may see. */
function Home() {
  const { route } = useLocation();
  if (maySee('stats:read')) return <Overview />;
  const first = places.find(({ scope }) => maySee(scope));
  if (first !== undefined) {
    route(href(first.path), true);
    return null;
  }
  return (
    <Page title="Nothing to see">
      <Empty title="This key may not read anything that the console shows.">Sign in with another key.</Empty>
    </Page>
  );
}

function NotFound() {
  return (
    <Page title="There is no such page">
      <Empty title="The address leads nowhere.">
        <a href={href('/')}>To the overview</a>
      </Empty>
    </Page>
  );
}

function Pages() {
  return (
    <Layout>
      <ErrorBoundary>
        <Router>
          <Route path={href('')} component={Home} />
          <Route path={href('/events')} component={Events} />
          <Route path={href('/events/:id')} component={OneEvent} />
          <Route path={href('/records/:account/:model/:plural/:record*')} component={OneRecord} />
          <Route path={href('/catalogue')} component={Catalogue} />
          <Route path={href('/deliveries')} component={Deliveries} />
          <Route path={href('/deliveries/:id')} component={OneDelivery} />
          <Route path={href('/errors')} component={Errors} />
          <Route path={href('/subscriptions')} component={Subscriptions} />
          <Route path={href('/subscriptions/new')} component={NewSubscription} />
          <Route path={href('/subscriptions/:id')} component={OneSubscription} />
          <Route path={href('/playground')} component={Playground} />
          <Route path={href('/accounts')} component={Accounts} />
          <Route path={href('/accounts/new')} component={NewAccount} />
          <Route path={href('/accounts/:id')} component={OneAccount} />
          <Route path={href('/syncs')} component={Syncs} />
          <Route path={href('/accounts/:id/syncs/:sync')} component={OneSync} />
          <Route path={href('/keys')} component={Keys} />
          <Route path={href('/sessions')} component={Sessions} />
          <Route path={href('/tenants')} component={Tenants} />
          <Route path={href('/tenants/:id')} component={OneTenant} />
          <Route path={href('/audit')} component={Audit} />
          <Route default component={NotFound} />
        </Router>
      </ErrorBoundary>
    </Layout>
  );
}

const codeOfLink = takeCode();

function Console() {
  const [code, setCode] = useState(codeOfLink);
  if (code !== undefined) return <OpenLink code={code} onDone={() => setCode(undefined)} />;
  if (session.value === undefined) return <SignIn />;
  return (
    <LocationProvider scope={href('')}>
      <Pages key={session.value.caller.tenant ?? ''} />
      <SignInAgain />
    </LocationProvider>
  );
}

/** After a deployment, an open tab asks for files that are gone. The page of now names those of now. */
addEventListener('vite:preloadError', (event) => {
  const key = 'tributary.reloaded';
  const isFresh = Date.now() - Number(sessionStorage.getItem(key) ?? 0) > 10_000;
  if (!isFresh) return;
  event.preventDefault();
  sessionStorage.setItem(key, String(Date.now()));
  location.reload();
});

const root = document.querySelector<HTMLElement>('#console');
if (root !== null) {
  keepFocus(root);
  render(<Console />, root);
}
