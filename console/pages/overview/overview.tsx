import { maySee, tenant } from '../../session.ts';
import { FilterBar, useFilters } from '../../ui/filters.tsx';
import { Page } from '../../ui/page.tsx';
import { TimeWindowField, useTimeWindow } from '../../ui/time-window.tsx';
import { Attention } from './overview-attention.tsx';
import { Deliveries } from './overview-deliveries.tsx';
import { useStatistics } from './overview-statistics.ts';
import { LateSyncs } from './overview-syncs.tsx';
import { Traffic } from './overview-traffic.tsx';

/** What needs attention, and how it goes. */
export default function OverviewPage() {
  const filters = useFilters(['window']);
  const window = useTimeWindow(filters);
  const query = { tenant: tenant.value, since: window.since };
  const statistics = useStatistics(query);
  return (
    <Page title="Overview">
      <Attention statistics={statistics} window={window} />
      <FilterBar filters={filters}>
        <TimeWindowField filters={filters} />
      </FilterBar>
      <Traffic query={query} />
      <Deliveries statistics={statistics} window={window} />
      {maySee('accounts:read') ? <LateSyncs /> : null}
    </Page>
  );
}
