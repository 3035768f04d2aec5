import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Entry } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { href, isOperator, tenant } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import TenantPage from './tenant.tsx';

type Tenant = Entry<'GET /v1/tenants'>;

const days = (count: number) => (count === 1 ? '1 day' : `${count} days`);

const columns: readonly Column<Tenant>[] = [
  {
    title: 'Tenant',
    show: ({ tenant: name }) => <a href={href(`/tenants/${encodeURIComponent(name)}`)}>{name}</a>,
  },
  { title: 'Keeps events', show: ({ retention }) => days(retention.events_days) },
  { title: 'Keeps requests', isMinor: true, show: ({ retention }) => days(retention.raw_days) },
  { title: 'Delivery', show: ({ delivery }) => delivery },
  {
    title: 'Erasure',
    show: ({ erasure }) => (erasure === null ? '–' : <Badge of={erasure.state === 'running' ? 'running' : 'erased'} />),
  },
  { title: 'Certificates', isNumber: true, isMinor: true, show: ({ certificates }) => certificates.length },
];

/** A tenant without settings is in no list: one opens it by its name. */
function OpenTenant() {
  const { route } = useLocation();
  const [name, setName] = useState('');
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== '') route(href(`/tenants/${encodeURIComponent(name.trim())}`));
      }}
    >
      <TenantField
        label="Open a tenant by its name"
        value={name}
        onChange={setName}
        hint="Also one that has no settings yet."
        faults={[]}
      />
      <button type="submit">Open</button>
    </form>
  );
}

function TenantList() {
  const list = useList('GET /v1/tenants', { query: { limit: 200 } }, { everyMs: 15_000 });
  const data = [...(list.data ?? [])].sort((one, other) => one.tenant.localeCompare(other.tenant));
  return (
    <Page
      title="Tenants"
      intro="How long the data of each tenant is kept, how its events reach it, its export and its erasure. The list has the tenants with settings or an erasure."
    >
      <OpenTenant />
      <ListTable
        caption="Tenants with settings or an erasure"
        columns={columns}
        list={{ ...list, data: list.data === undefined ? undefined : data }}
        keyOf={({ tenant: name }) => name}
        empty={
          <Empty title="No tenant has settings of its own.">
            All data is kept as long as the deployment says. Open a tenant by its name to change that.
          </Empty>
        }
      />
    </Page>
  );
}

export default function TenantsPage() {
  if (isOperator.value) return <TenantList />;
  // Others have one tenant only.
  return <TenantPage id={tenant.value ?? ''} />;
}
