import { href, maySee } from '../../session.ts';
import { ChoiceField } from '../../ui/field.tsx';
import { FilterBar, NothingMatches, useFilters } from '../../ui/filters.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { ListTable } from '../../ui/table.tsx';
import { byUrgency, useSyncs } from './all-syncs.ts';
import { syncColumns } from './sync-columns.tsx';

const statuses = {
  '': 'All',
  problems: 'With a problem',
  failing: 'failing',
  'rate-limited': 'rate-limited',
  'backing-off': 'backing-off',
  paused: 'paused',
  running: 'running',
  idle: 'idle',
} as const;

const problems = new Set(['failing', 'rate-limited', 'backing-off']);

/** The syncs of all accounts, problems first. */
export default function SyncsPage() {
  const filters = useFilters(['status']);
  const { status } = filters.values;
  const list = useSyncs();
  const data = list.data
    ?.filter(
      (sync) => status === undefined || (status === 'problems' ? problems.has(sync.status) : sync.status === status),
    )
    .sort(byUrgency);
  return (
    <Page title="Syncs" intro="A sync polls a provider at intervals, and makes events of what has changed there.">
      <FilterBar filters={filters}>
        <ChoiceField
          label="Status"
          value={status ?? ''}
          choices={statuses}
          onChange={(next) => filters.set({ status: next })}
        />
      </FilterBar>
      <ListTable
        caption="Syncs"
        columns={syncColumns(true)}
        list={{ ...list, data }}
        keyOf={({ account, id }) => `${account} ${id}`}
        empty={
          status === undefined ? (
            <Empty title="No account has a sync yet.">
              {maySee('accounts:write') ? (
                <a href={href('/accounts/new')}>Connect an account whose provider has syncs</a>
              ) : (
                'Syncs begin once an account of a provider with syncs has credentials.'
              )}
            </Empty>
          ) : (
            <NothingMatches title="No sync has this status." filters={filters} />
          )
        }
      />
    </Page>
  );
}
