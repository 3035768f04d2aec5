import { useId } from 'preact/hooks';
import type { ApiProblem } from '../../engine-client.ts';
import { useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { Field, faultsAt } from '../../ui/field.tsx';
import { FilterBar, type Filters } from '../../ui/filters.tsx';
import { originTexts } from './event-parts.tsx';

/** Filters of the feed, as its query names them. */
export const feedFilters = [
  'types',
  'resources',
  'integration',
  'account',
  'origin',
  'record_id',
  'correlation_id',
  'since',
] as const;

const all = { query: { limit: 200 } };

/** What the filters propose. */
function useProposals(): Readonly<Record<string, readonly string[]>> {
  const types = useList('GET /v1/event-types', all);
  const schemas = useList('GET /v1/schemas', all);
  const integrations = useList('GET /v1/integrations', all);
  const accounts = useList('GET /v1/accounts', all, { isEnabled: maySee('accounts:read') });
  const resources = (schemas.data ?? []).map(({ resource }) => resource);
  return {
    types: ['record:*', ...(types.data ?? []).map(({ type }) => type)],
    resources: [...new Set(resources.map((resource) => `${resource.split('/')[0]}/*`)), ...resources],
    integration: (integrations.data ?? []).map(({ name }) => name),
    account: (accounts.data ?? []).filter((account) => account.tenant === tenant.value).map(({ id }) => id),
    origin: Object.keys(originTexts),
    since: ['15m', '1h', '24h', '7d', 'now', 'beginning'],
  };
}

const fields: readonly (readonly [name: (typeof feedFilters)[number], label: string, placeholder: string])[] = [
  ['types', 'Types', 'record:*'],
  ['resources', 'Resources', 'hris/*'],
  ['integration', 'Integrations', 'github'],
  ['account', 'Accounts', 'acc_…'],
  ['origin', 'Origins', 'webhook'],
  ['record_id', 'Record id', ''],
  ['correlation_id', 'Correlation id', ''],
  ['since', 'Since', ''],
];

interface EventFiltersProps {
  readonly filters: Filters;
  /** Where the feed starts without a filter. */
  readonly usualSince: string;
  readonly problem: ApiProblem | undefined;
}

/** The filters of the feed. A filter counts when one has left its field, or pressed Enter. */
export function EventFilters({ filters, usualSince, problem }: EventFiltersProps) {
  const proposals = useProposals();
  return (
    <div class="feed-filters">
      <FilterBar filters={filters}>
        {fields.map(([name, label, placeholder]) => (
          <FilterField
            key={name}
            label={label}
            value={filters.values[name] ?? ''}
            placeholder={name === 'since' ? usualSince : placeholder}
            proposals={proposals[name] ?? []}
            // Without the place in the list: the value that is wrong is in sight.
            faults={faultsAt(problem, name).map((fault) => fault.replace(/^\d+: /, ''))}
            onChange={(value) => filters.set({ [name]: name === 'record_id' ? value : value.replaceAll(' ', '') })}
          />
        ))}
      </FilterBar>
      <p class="quiet">
        Separate several values with commas. “Since” takes a time such as 2026-11-29T12:00Z, a duration such as 15m, 24h
        or 7d, a sequence number, “now” or “beginning”.
        {filters.values['record_id'] !== undefined && filters.values['account'] === undefined
          ? ' Record ids are unique within an account and a resource only: filter by these, too.'
          : ''}
      </p>
    </div>
  );
}

interface FilterFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder: string;
  readonly proposals: readonly string[];
  readonly faults: readonly string[];
  readonly onChange: (value: string) => void;
}

function FilterField({ label, value, placeholder, proposals, faults, onChange }: FilterFieldProps) {
  const list = useId();
  return (
    <Field label={label} faults={faults}>
      {(input) => (
        <>
          <input
            {...input}
            type="text"
            value={value}
            placeholder={placeholder}
            list={list}
            autocomplete="off"
            spellcheck={false}
            onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
          />
          <datalist id={list}>
            {proposals.map((proposal) => (
              <option key={proposal} value={proposal} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
