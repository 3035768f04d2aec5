import type { Entry } from '../../engine-client.ts';
import { type Listed, useList } from '../../queries.ts';
import { href, isOperator, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { FilterBar, type Filters, NothingMatches, useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { SubscriptionLink } from '../../ui/links.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { type Column, ListTable } from '../../ui/table.tsx';
import { HealthInBrief, hasHealth, healthChoices } from './endpoint-health.tsx';
import { servesChosenTenant } from './subscription-choice.tsx';

type Subscription = Entry<'GET /v1/subscriptions'>;

const columns: readonly Column<Subscription>[] = [
  {
    title: 'Subscription',
    show: ({ id, description }) => (
      <>
        <SubscriptionLink id={id}>{description ?? id}</SubscriptionLink>
        {description === null ? null : <span class="below">{id}</span>}
      </>
    ),
  },
  { title: 'Status', show: ({ status }) => <Badge of={status} tone={status === 'enabled' ? 'good' : 'quiet'} /> },
  { title: 'Health', show: (one) => <HealthInBrief of={one} /> },
  { title: 'Address', isMinor: true, show: ({ url }) => <span class="wrapped">{url}</span> },
  { title: 'Events', isMinor: true, show: (one) => <span class="wrapped">{wanted(one)}</span> },
];

const tenantColumn: Column<Subscription> = {
  title: 'Tenant',
  isMinor: true,
  show: ({ tenant }) => tenant ?? <span class="quiet">all</span>,
};

function wanted({ types, resources }: Subscription): string {
  const which = [...types, ...resources];
  return which.length === 0 ? 'all records' : which.join(', ');
}

function matches(one: Subscription, { values }: Filters): boolean {
  const text = values['text']?.toLowerCase() ?? '';
  return (
    servesChosenTenant(one) &&
    (values['status'] === undefined || one.status === values['status']) &&
    hasHealth(one, values['health']) &&
    [one.id, one.url, one.description].some((part) => part?.toLowerCase().includes(text) === true)
  );
}

/** `team=payroll` as the API wants it. */
function metadataQuery(text: string | undefined): Readonly<Record<string, string>> {
  const [name = '', ...value] = (text ?? '').split('=');
  return name.trim() === '' || value.length === 0 ? {} : { [`metadata[${name.trim()}]`]: value.join('=').trim() };
}

interface FiltersProps {
  readonly filters: Filters;
  readonly list: Listed<Subscription>;
}

function SubscriptionFilters({ filters: { values, set, ...rest }, list }: FiltersProps) {
  return (
    <FilterBar filters={{ values, set, ...rest }}>
      <LateTextField
        label="Name, id or address"
        type="search"
        value={values['text'] ?? ''}
        onChange={(text) => set({ text })}
      />
      <ChoiceField
        label="Status"
        value={values['status'] ?? ''}
        onChange={(status) => set({ status })}
        choices={{ '': 'Any status', enabled: 'enabled', disabled: 'disabled' }}
      />
      <ChoiceField
        label="Health"
        value={values['health'] ?? ''}
        onChange={(health) => set({ health })}
        choices={healthChoices}
      />
      <LateTextField
        label="Metadata"
        placeholder="team=payroll"
        value={values['metadata'] ?? ''}
        onChange={(metadata) => set({ metadata })}
        faults={faultsAt(list.problem, 'metadata')}
      />
    </FilterBar>
  );
}

const mayWrite = () => maySee('subscriptions:write');

function NewButton() {
  if (!mayWrite()) return null;
  return (
    <a class="button primary" href={href('/subscriptions/new')}>
      New subscription
    </a>
  );
}

function NoSubscriptions({ filters }: { readonly filters: Filters }) {
  if (filters.hasAny) return <NothingMatches title="No subscription matches these filters." filters={filters} />;
  return (
    <Empty title="There is no subscription yet.">
      A subscription sends events to an endpoint of yours.{' '}
      {mayWrite() ? <NewButton /> : 'To create one, you need the permission subscriptions:write.'}
    </Empty>
  );
}

/** Endpoints that events are sent to. */
export default function SubscriptionsPage() {
  const filters = useFilters(['text', 'status', 'health', 'metadata']);
  const list = useList(
    'GET /v1/subscriptions',
    { query: { limit: 200, ...metadataQuery(filters.values['metadata']) } },
    { everyMs: 10_000 },
  );
  const shown = { ...list, data: list.data?.filter((one) => matches(one, filters)) };
  return (
    <Page
      title="Subscriptions"
      intro="Endpoints that events are sent to, how they do, and what they get."
      actions={<NewButton />}
    >
      <SubscriptionFilters filters={filters} list={list} />
      <ListTable
        caption="Subscriptions"
        list={shown}
        columns={isOperator.value ? [...columns, tenantColumn] : columns}
        keyOf={({ id }) => id}
        empty={<NoSubscriptions filters={filters} />}
      />
    </Page>
  );
}
