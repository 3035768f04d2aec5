import { useList } from '../../queries.ts';
import { href, isOperator, maySee, tenant } from '../../session.ts';
import { ChoiceField } from '../../ui/field.tsx';
import { FilterBar, type Filters, NothingMatches, useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { useWhole } from '../../ui/whole-list.ts';
import { type Sync, useSyncs } from '../syncs/all-syncs.ts';
import { type Account, AccountStatus, LastNews, lastNews } from './account-status.tsx';

const statuses = {
  '': 'All',
  active: 'Connected',
  auth_failed: 'Credentials refused',
  disconnected: 'Not connected',
} as const;

/** `team=billing, env=prod` as parameters of the query. */
function metadataQuery(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').map((pair) => pair.trim().split(/=(.*)/s));
  return Object.fromEntries(
    pairs.flatMap(([name = '', value]) =>
      name === '' || value === undefined ? [] : [[`metadata[${name.trim()}]`, value.trim()]],
    ),
  );
}

type Titles = Readonly<Record<string, string>>;

/** Titles of integrations by name. */
function useTitles(): Titles {
  const { data = [] } = useList('GET /v1/integrations', { query: { limit: 500 } });
  return Object.fromEntries(data.map(({ name, title }) => [name, title]));
}

function AccountFilters({ filters, titles }: { readonly filters: Filters; readonly titles: Titles }) {
  const { values, set } = filters;
  const metadata = values['metadata'] ?? '';
  return (
    <FilterBar filters={filters}>
      <ChoiceField
        label="Integration"
        value={values['integration'] ?? ''}
        choices={{ '': 'All', ...titles }}
        onChange={(integration) => set({ integration })}
      />
      <ChoiceField
        label="Connection"
        value={values['status'] ?? ''}
        choices={statuses}
        onChange={(status) => set({ status })}
      />
      <LateTextField
        label="Metadata"
        value={metadata}
        placeholder="team=billing"
        faults={metadata !== '' && !metadata.includes('=') ? ['Expected a name, =, and a value.'] : []}
        onChange={(value) => set({ metadata: value })}
      />
    </FilterBar>
  );
}

function columns(syncs: readonly Sync[], titles: Titles): readonly Column<Account>[] {
  return [
    {
      title: 'Account',
      show: ({ id, name }) => (
        <>
          <a href={href(`/accounts/${encodeURIComponent(id)}`)}>{name ?? id}</a>
          {name === null ? null : <div class="quiet">{id}</div>}
        </>
      ),
    },
    { title: 'Integration', isMinor: true, show: ({ integration }) => titles[integration] ?? integration },
    ...(isOperator.value ? [{ title: 'Tenant', isMinor: true, show: ({ tenant: name }: Account) => name }] : []),
    { title: 'Connection', show: (account) => <AccountStatus of={account} /> },
    { title: 'Last news', isMinor: true, show: (account) => <LastNews of={lastNews(account, syncs)} /> },
  ];
}

function NothingFound({ filters }: { readonly filters: Filters }) {
  if (filters.hasAny) return <NothingMatches title="No account matches these filters." filters={filters} />;
  return (
    <Empty title="No account is connected yet.">
      {maySee('accounts:write') ? (
        <a class="button primary" href={href('/accounts/new')}>
          Connect an account
        </a>
      ) : (
        'An account connects a tenant to a provider, such as a CRM. Ask who gave you access to connect one.'
      )}
    </Empty>
  );
}

export default function AccountsPage() {
  const filters = useFilters(['integration', 'status', 'metadata']);
  const { integration, status, metadata = '' } = filters.values;
  const query = { limit: 100, ...metadataQuery(metadata) };
  // The API filters by metadata only, so for the others the list is read to its end.
  const isFiltered =
    integration !== undefined || status !== undefined || (isOperator.value && tenant.value !== undefined);
  const list = useWhole(useList('GET /v1/accounts', { query }, { everyMs: 15_000 }), isFiltered);
  const syncs = useSyncs();
  const titles = useTitles();
  const data = list.data?.filter(
    (account) =>
      (integration === undefined || account.integration === integration) &&
      (status === undefined || account.status === status) &&
      (tenant.value === undefined || account.tenant === tenant.value),
  );
  return (
    <Page
      title="Accounts"
      intro="An account connects a tenant to a provider: its webhooks, its credentials and its syncs."
      actions={
        maySee('accounts:write') ? (
          <a class="button primary" href={href('/accounts/new')}>
            Connect an account
          </a>
        ) : undefined
      }
    >
      <AccountFilters filters={filters} titles={titles} />
      <ListTable
        caption="Accounts"
        columns={columns(syncs.data ?? [], titles)}
        list={{ ...list, data }}
        keyOf={({ id }) => id}
        empty={<NothingFound filters={filters} />}
      />
    </Page>
  );
}
