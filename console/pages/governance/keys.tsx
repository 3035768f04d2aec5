import { useState } from 'preact/hooks';
import type { Entry } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { isOperator, maySee, session, tenant } from '../../session.ts';
import { Done } from '../../ui/done.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { ShownOnce } from '../../ui/shown-once.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';
import { CreateKey } from './key-creation.tsx';
import { mayUseKey } from './key-dialog.tsx';
import { RevokeKey, RotateKey } from './key-dialogs.tsx';
import type { KeyNews } from './key-news.ts';

type Key = Entry<'GET /v1/keys'>;
type Open = { readonly kind: 'create' } | { readonly kind: 'rotate' | 'revoke'; readonly key: Key };

function Name({ of: { id, name } }: { readonly of: Key }) {
  return (
    <>
      {name} {session.value?.caller.key === id ? <span class="quiet">(yours)</span> : null}
      {name === id ? null : (
        <div class="quiet">
          <code>{id}</code>
        </div>
      )}
    </>
  );
}

function Secrets({ of: { secrets } }: { readonly of: Key }) {
  const former = secrets.filter(({ expires_at: end }) => end !== null);
  return (
    <>
      {secrets.length}
      {former.map(({ created_at: at, expires_at: end }) => (
        <div key={at} class="quiet">
          former one ends <Time at={end} />
        </div>
      ))}
    </>
  );
}

function columns(open: (what: Open) => void): readonly Column<Key>[] {
  const actions: Column<Key> = {
    title: 'Actions',
    show: (key) => (
      <div class="actions">
        <button type="button" class="small" onClick={() => open({ kind: 'rotate', key })}>
          Rotate<span class="hidden"> {key.name}</span>
        </button>
        <button type="button" class="small danger" onClick={() => open({ kind: 'revoke', key })}>
          Revoke<span class="hidden"> {key.name}</span>
        </button>
      </div>
    ),
  };
  return [
    { title: 'Key', show: (key) => <Name of={key} /> },
    { title: 'Tenant', isMinor: true, show: ({ tenant: name }) => name ?? 'all' },
    { title: 'Scopes', show: ({ scopes }) => scopes.join(', ') },
    { title: 'Last used', isMinor: true, show: ({ last_used_at: at }) => (at === null ? 'never' : <Time at={at} />) },
    { title: 'Ends', show: ({ expires_at: at }) => (at === null ? 'never' : <Time at={at} />) },
    { title: 'Calls a minute', isNumber: true, isMinor: true, show: ({ rate_per_minute: rate }) => rate ?? 'usual' },
    { title: 'Secrets', isNumber: true, isMinor: true, show: (key) => <Secrets of={key} /> },
    ...(mayUseKey() ? [actions] : []),
  ];
}

/** API keys: who may call. */
export default function KeysPage() {
  const [opened, open] = useState<Open>();
  const [news, tell] = useState<KeyNews>();
  const list = useList('GET /v1/keys', { query: { limit: 100 } }, { everyMs: 30_000 });
  const data =
    isOperator.value && tenant.value !== undefined
      ? list.data?.filter((key) => key.tenant === tenant.value)
      : list.data;
  const dialog = {
    onClose: () => open(undefined),
    onDone: (what: KeyNews) => {
      open(undefined);
      tell(what);
    },
  };
  return (
    <Page
      title="API keys"
      intro="A key calls the API, within its scopes, for one tenant or for all."
      actions={
        mayUseKey() ? (
          <button type="button" class="primary" onClick={() => open({ kind: 'create' })}>
            Create a key
          </button>
        ) : undefined
      }
    >
      {mayUseKey() ? null : (
        <p class="quiet">
          {maySee('keys:write')
            ? 'A portal session may not create or end keys.'
            : 'To create or end keys, you need the scope keys:write.'}
        </p>
      )}
      {typeof news === 'object' ? (
        <ShownOnce title={news.title} text={news.text} onClose={() => tell(undefined)}>
          Give it to its owner over a safe way. If it is lost, rotate the key to get another secret.
        </ShownOnce>
      ) : null}
      <Done>{typeof news === 'string' ? <p>{news}</p> : null}</Done>
      <ListTable
        caption="API keys"
        columns={columns(open)}
        list={{ ...list, data }}
        keyOf={({ id }) => id}
        empty={<Empty title="There is no key here." />}
      />
      {opened?.kind === 'create' ? <CreateKey {...dialog} /> : null}
      {opened?.kind === 'rotate' ? <RotateKey {...dialog} of={opened.key} /> : null}
      {opened?.kind === 'revoke' ? <RevokeKey {...dialog} of={opened.key} /> : null}
    </Page>
  );
}
