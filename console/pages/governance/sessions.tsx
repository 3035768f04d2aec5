import { useState } from 'preact/hooks';
import type { Entry } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { isOperator, maySee, tenant } from '../../session.ts';
import { Done } from '../../ui/done.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { ShownOnce } from '../../ui/shown-once.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { mayUseKey } from './key-dialog.tsx';
import { CreateSession } from './session-creation.tsx';
import { RevokeSession, RevokeSessions } from './session-dialogs.tsx';
import type { SessionNews } from './session-news.ts';

type PortalSession = Entry<'GET /v1/portal-sessions'>;
type Open =
  | { readonly kind: 'create' }
  | { readonly kind: 'revoke-all' }
  | { readonly kind: 'revoke'; readonly session: PortalSession };

function columns(open: (what: Open) => void): readonly Column<PortalSession>[] {
  const actions: Column<PortalSession> = {
    title: 'Actions',
    show: (session) => (
      <button type="button" class="small danger" onClick={() => open({ kind: 'revoke', session })}>
        Revoke<span class="hidden"> {session.id}</span>
      </button>
    ),
  };
  return [
    { title: 'Session', show: ({ id }) => <code>{id}</code> },
    ...(isOperator.value ? [{ title: 'Tenant', show: ({ tenant: name }: PortalSession) => name }] : []),
    { title: 'Scopes', isMinor: true, show: ({ scopes }) => scopes.join(', ') },
    { title: 'Opened', show: ({ opened_at: at }) => (at === null ? 'not yet' : <Time at={at} />) },
    { title: 'Ends', show: ({ expires_at: at }) => <Time at={at} /> },
    { title: 'Leads back to', isMinor: true, show: ({ return_url: url }) => url },
    { title: 'Frames', isMinor: true, show: ({ origins }) => origins.join(', ') || 'none' },
    ...(mayUseKey() ? [actions] : []),
  ];
}

function NewLink({ news, onClose }: { readonly news: SessionNews | undefined; readonly onClose: () => void }) {
  if (typeof news !== 'object') return null;
  return (
    <ShownOnce title={`The link for ${news.tenant}`} text={news.url} onClose={onClose}>
      It opens once. Whoever opens it sees this tenant until the session ends.
    </ShownOnce>
  );
}

/** Links that let partners into the console. */
export default function SessionsPage() {
  const [opened, open] = useState<Open>();
  const [news, tell] = useState<SessionNews>();
  const query = { tenant: tenant.value, limit: 100 };
  const list = useList('GET /v1/portal-sessions', { query }, { everyMs: 10_000 });
  const dialog = {
    onClose: () => open(undefined),
    onDone: (what: SessionNews) => {
      open(undefined);
      tell(what);
    },
  };
  return (
    <Page
      title="Portal sessions"
      intro="A link lets a partner into the console, for one tenant and for a limited time, without an API key."
      actions={
        mayUseKey() ? (
          <>
            <button type="button" class="primary" onClick={() => open({ kind: 'create' })}>
              Create a link
            </button>
            <button type="button" class="danger" onClick={() => open({ kind: 'revoke-all' })}>
              Revoke all of a tenant
            </button>
          </>
        ) : undefined
      }
    >
      {mayUseKey() ? null : (
        <p class="quiet">
          {maySee('keys:write')
            ? 'A portal session may not create or end others.'
            : 'To create or end sessions, you need the scope keys:write.'}
        </p>
      )}
      <NewLink news={news} onClose={() => tell(undefined)} />
      <Done>{typeof news === 'string' ? <p>{news}</p> : null}</Done>
      <ListTable
        caption="Portal sessions that have not ended"
        columns={columns(open)}
        list={list}
        keyOf={({ id }) => id}
        empty={
          <Empty title="No session is open.">
            Your application creates links with POST /v1/portal-sessions. For a try, create one here.
          </Empty>
        }
      />
      {opened?.kind === 'create' ? <CreateSession {...dialog} /> : null}
      {opened?.kind === 'revoke' ? <RevokeSession {...dialog} id={opened.session.id} /> : null}
      {opened?.kind === 'revoke-all' ? <RevokeSessions {...dialog} /> : null}
    </Page>
  );
}
