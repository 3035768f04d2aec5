import type { ApiProblem } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { href, maySee, tenant } from '../../session.ts';
import { Faulty, isFaulty } from '../../ui/faulty.tsx';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { FilterBar, type Filters, NothingMatches, useFilters } from '../../ui/filters.tsx';
import { LateTextField } from '../../ui/late-field.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { ListTable } from '../../ui/table.tsx';
import { TimeField } from '../../ui/time-field.tsx';
import { SubscriptionChoice } from '../subscriptions/subscription-choice.tsx';
import { deliveryColumns } from './delivery-columns.tsx';
import { type DeliveryState, stateMeanings } from './delivery-words.ts';

const names = [
  'subscription',
  'state',
  'status',
  'types',
  'resources',
  'integration',
  'account',
  'record_id',
  'event',
  'since',
  'until',
] as const;

const states: Readonly<Record<DeliveryState | '' | 'waiting,retrying', string>> = {
  '': 'Any state',
  'waiting,retrying': 'waiting or retrying',
  waiting: 'waiting',
  retrying: 'retrying',
  delivered: 'delivered',
  exhausted: 'exhausted',
  cancelled: 'cancelled',
};

const texts = [
  { name: 'status', label: 'Last status', placeholder: '503, 5xx, none' },
  { name: 'types', label: 'Event types', placeholder: 'record:updated' },
  { name: 'resources', label: 'Resources', placeholder: 'hris/employees' },
  { name: 'integration', label: 'Integration', placeholder: 'hibob' },
  { name: 'account', label: 'Account', placeholder: 'acc_…' },
  { name: 'record_id', label: 'Record id', placeholder: '' },
  { name: 'event', label: 'Event id', placeholder: 'evt_…' },
] as const;

interface FiltersProps {
  readonly filters: Filters;
  readonly problem: ApiProblem | undefined;
}

function DeliveryFilters({ filters, problem }: FiltersProps) {
  const { values, set } = filters;
  const state = values['state'] ?? '';
  return (
    <FilterBar filters={filters}>
      <SubscriptionChoice
        none="All subscriptions"
        value={values['subscription'] ?? ''}
        onChange={(subscription) => set({ subscription })}
        faults={faultsAt(problem, 'subscription')}
      />
      <ChoiceField
        label="State"
        value={state}
        onChange={(value) => set({ state: value })}
        choices={state in states ? states : { ...states, [state]: state }}
        faults={faultsAt(problem, 'state')}
      />
      {texts.map(({ name, label, placeholder }) => (
        <LateTextField
          key={name}
          label={label}
          placeholder={placeholder}
          value={values[name] ?? ''}
          onChange={(value) => set({ [name]: value.replaceAll(/\s*,\s*/g, ',').trim() })}
          faults={faultsAt(problem, name)}
        />
      ))}
      <TimeField
        label="Since"
        value={values['since'] ?? ''}
        onChange={(since) => set({ since })}
        faults={faultsAt(problem, 'since')}
      />
      <TimeField
        label="Until"
        value={values['until'] ?? ''}
        onChange={(until) => set({ until })}
        faults={faultsAt(problem, 'until')}
      />
    </FilterBar>
  );
}

/** Without a subscription, the API searches those of at most 25. */
function isTooMany({ reason }: ApiProblem): boolean {
  return reason === 'too-many-subscriptions';
}

function NoDeliveries({ filters }: { readonly filters: Filters }) {
  if (filters.hasAny) return <NothingMatches title="No delivery matches these filters." filters={filters} />;
  return (
    <Empty title="Nothing has been delivered yet.">
      Deliveries appear when a subscription wants an event.{' '}
      {maySee('subscriptions:write') ? <a href={href('/subscriptions/new')}>Create a subscription</a> : null}
    </Empty>
  );
}

/** Deliveries of events to endpoints, newest first. */
export default function DeliveriesPage() {
  const filters = useFilters(names);
  const { subscription } = filters.values;
  const list = useList(
    'GET /v1/deliveries',
    // A subscription to all tenants is none of one tenant.
    { query: { ...filters.values, tenant: subscription === undefined ? tenant.value : undefined } },
    { everyMs: 5_000 },
  );
  const { state } = filters.values;
  return (
    <Page title="Deliveries" intro="Events on their way to endpoints, newest first. Open one to see its attempts.">
      <DeliveryFilters filters={filters} problem={list.problem} />
      {state !== undefined && state in stateMeanings ? (
        <p class="quiet">
          {state}: {stateMeanings[state as DeliveryState]}
        </p>
      ) : null}
      {list.problem !== undefined && isTooMany(list.problem) ? (
        <Empty title="Choose a subscription.">
          There are more than 25 subscriptions, and one search reads the deliveries of at most 25. Choose one above, or
          look at one tenant.
        </Empty>
      ) : isFaulty(list.problem) ? (
        <Faulty problem={list.problem} what="filters" />
      ) : (
        <ListTable
          caption="Deliveries"
          list={list}
          columns={deliveryColumns(subscription === undefined)}
          keyOf={({ id }) => id}
          empty={<NoDeliveries filters={filters} />}
        />
      )}
    </Page>
  );
}
