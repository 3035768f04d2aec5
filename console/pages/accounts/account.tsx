import { useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, isOperator, maySee } from '../../session.ts';
import { Done } from '../../ui/done.tsx';
import { useFilters } from '../../ui/filters.tsx';
import { Page } from '../../ui/page.tsx';
import { PageTabs, useTab } from '../../ui/page-tabs.tsx';
import { Standing } from '../../ui/problem.tsx';
import { AccountLimits } from './account-limits.tsx';
import { eventsOf } from './account-setup.tsx';
import { AccountState } from './account-state.tsx';
import { type Account, AccountStatus, type Integration } from './account-status.tsx';
import { AccountSyncs } from './account-syncs.tsx';
import { AccountWebhooks } from './account-webhooks.tsx';

const tabs = { status: 'Status', webhooks: 'Webhooks', limits: 'Limits', syncs: 'Syncs' } as const;

interface AccountViewProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
}

/** What the provider's page of consent led back with. */
function AfterConsent({ account, integration }: AccountViewProps) {
  const { values, clear } = useFilters(['status', 'account']);
  const title = integration?.title ?? account.integration;
  if (values['status'] === 'connected')
    return (
      <Done>
        <p>The consent succeeded: {title} is connected.</p>
      </Done>
    );
  if (values['status'] !== 'failed') return null;
  return (
    <div class="note note-bad" role="alert">
      <p>The consent at {title} did not succeed. Connect the account again; the page before this one said why.</p>
      <button type="button" class="small" onClick={clear}>
        Close
      </button>
    </div>
  );
}

function AccountView({ account, integration }: AccountViewProps) {
  const tab = useTab(tabs);
  const [said, say] = useState<string>();
  return (
    <>
      <PageTabs label="Parts of the account" tabs={tabs} current={tab} />
      <AfterConsent account={account} integration={integration} />
      <Done>{said === undefined ? null : <p>{said}</p>}</Done>
      {tab === 'status' ? <AccountState account={account} integration={integration} onDone={say} /> : null}
      {tab === 'webhooks' ? <AccountWebhooks account={account} integration={integration} /> : null}
      {tab === 'limits' ? <AccountLimits account={account} integration={integration} /> : null}
      {tab === 'syncs' ? <AccountSyncs account={account} integration={integration} onDone={say} /> : null}
    </>
  );
}

export default function AccountPage({ id }: { readonly id: string }) {
  const asked = useAnswer('GET /v1/accounts/{id}', { params: { id } }, { everyMs: 10_000 });
  const account = asked.data;
  const integration = useAnswer(
    'GET /v1/integrations/{integration}',
    { params: { integration: account?.integration ?? '' } },
    { isEnabled: account !== undefined },
  );
  return (
    <Page
      title={account?.name ?? id}
      intro={
        account === undefined ? (
          <a href={href('/accounts')}>All accounts</a>
        ) : (
          <>
            {integration.data?.title ?? account.integration}
            {isOperator.value ? `, tenant ${account.tenant}` : null} <AccountStatus of={account} />
          </>
        )
      }
      actions={
        account === undefined || !maySee('events:read') ? undefined : (
          <a class="button" href={eventsOf(account)}>
            Events
          </a>
        )
      }
    >
      <Standing of={asked} what="the account" />
      {account === undefined ? null : <AccountView key={id} account={account} integration={integration.data} />}
    </Page>
  );
}
