import { useAnswer, useList } from '../../queries.ts';
import { isOperator, maySee } from '../../session.ts';
import { FilterBar, useFilters } from '../../ui/filters.tsx';
import { Empty, Facts, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { type TimeWindow, TimeWindowField, useTimeWindow } from '../../ui/time-window.tsx';
import { AccountReprocess } from './account-reprocess.tsx';
import { eventsOf } from './account-setup.tsx';
import type { Account, Integration } from './account-status.tsx';
import { explainRejection } from './rejections.ts';

interface AccountWebhooksProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
}

interface Rejected {
  readonly reason: string;
  readonly requests: number;
}

const columns = [
  { title: 'Reason', show: ({ reason }: Rejected) => <code>{reason}</code> },
  { title: 'Requests', isNumber: true, show: ({ requests }: Rejected) => requests },
  { title: 'What it means', show: ({ reason }: Rejected) => explainRejection(reason).meaning },
  { title: 'What to do', show: ({ reason }: Rejected) => explainRejection(reason).remedy },
];

function Rejections({ byReason }: { readonly byReason: Readonly<Record<string, number>> }) {
  const rejected = Object.entries(byReason).map(([reason, requests]) => ({ reason, requests }));
  if (rejected.length === 0) return <p>No request was rejected.</p>;
  return (
    <Table
      caption="Rejected requests by reason"
      columns={columns}
      items={rejected.sort((one, other) => other.requests - one.requests)}
      keyOf={({ reason }) => reason}
    />
  );
}

/** Counts are by integration. With a single account, they are its own. */
function WhoseCounts({ account, integration, window }: AccountWebhooksProps & { readonly window: TimeWindow }) {
  const list = useList('GET /v1/accounts', { query: { limit: 200, tenant: account.tenant } });
  const title = integration?.title ?? account.integration;
  const others = (list.data ?? []).filter((one) => one.integration === account.integration && one.id !== account.id);
  const isOnly = list.data !== undefined && !list.hasMore && others.length === 0;
  return (
    <p class="quiet">
      {isOnly
        ? `In ${window.title}. The tenant has no other account of ${title}, so the counts are this account's, and those of accounts that were deleted in that time.`
        : `In ${window.title}, of all accounts of ${title}${isOperator.value ? ` of the tenant ${account.tenant}` : ''}.`}{' '}
      Requests to the URL for all accounts are counted for no tenant until their account is known.
      {integration === undefined || integration.syncs.length === 0
        ? null
        : ' Events, and what told nothing new, include what syncs found.'}
    </p>
  );
}

/** What came of the requests of the provider. Counts are by integration, so they are of all its accounts. */
function Counts({ account, integration }: AccountWebhooksProps) {
  const filters = useFilters(['window']);
  const window = useTimeWindow(filters);
  const stats = useAnswer(
    'GET /v1/stats',
    { query: { tenant: account.tenant, since: window.since, limit: 1 } },
    { everyMs: 30_000 },
  );
  const found = stats.data?.integrations.find((one) => one.integration === account.integration);
  const title = integration?.title ?? account.integration;
  return (
    <>
      <FilterBar filters={filters}>
        <TimeWindowField filters={filters} />
      </FilterBar>
      <Standing of={stats} what="the counts" />
      {stats.data === undefined ? null : found === undefined ? (
        <Empty title={`No request of ${title} came in ${window.title}.`}>
          Check that the webhook is set up at {title} with the URL of the tab Status. Then change a record there, and{' '}
          <a href={eventsOf(account)}>watch the events</a>.
        </Empty>
      ) : (
        <>
          <WhoseCounts account={account} integration={integration} window={window} />
          <Section title="Rejected requests">
            <Rejections byReason={found.rejected.by_reason} />
          </Section>
          <Section title="Accepted requests">
            <Facts
              of={{
                Verified: found.verified,
                'Read, and became events': found.published,
                'Without a record of interest': found.ignored,
                'Told nothing new': found.unchanged + found.stale + found.duplicate,
                'Wait for their record': found.enriching,
                'Named no account': found.unrouted,
                'Could not be read': found.dead_lettered,
                'Fields unlike the schema': found.schema_drift,
              }}
            />
            {found.dead_lettered > 0 ? <AccountReprocess integration={account.integration} title={title} /> : null}
          </Section>
        </>
      )}
    </>
  );
}

export function AccountWebhooks({ account, integration }: AccountWebhooksProps) {
  if (integration?.webhook === false)
    return (
      <Empty title={`${integration.title} sends no webhooks.`}>
        What changes there is found by the account's syncs.
      </Empty>
    );
  if (!maySee('stats:read'))
    return <Empty title="You may not see counts of requests.">It needs the scope stats:read.</Empty>;
  return <Counts account={account} integration={integration} />;
}
