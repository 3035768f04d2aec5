import type { FunctionComponent } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, maySee } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { PageTabs, useTab } from '../../ui/page-tabs.tsx';
import { Standing } from '../../ui/problem.tsx';
import { DeleteTab } from './subscription-delete.tsx';
import type { Subscription } from './subscription-draft.ts';
import { EditTab } from './subscription-edit.tsx';
import { HealthTab } from './subscription-health.tsx';
import { ReplaysTab } from './subscription-replays.tsx';
import { SecretsTab } from './subscription-secrets.tsx';
import type { TabProps } from './subscription-tab.ts';
import { TestTab } from './subscription-test.tsx';

const titles: Readonly<Record<string, string>> = { health: 'Health', secrets: 'Secrets', replays: 'Replays' };
const titlesForWriters: Readonly<Record<string, string>> = {
  health: 'Health',
  edit: 'Edit',
  test: 'Test',
  secrets: 'Secrets',
  replays: 'Replays',
  delete: 'Delete',
};

const tabs: Readonly<Record<string, FunctionComponent<TabProps>>> = {
  health: HealthTab,
  edit: EditTab,
  test: TestTab,
  secrets: SecretsTab,
  replays: ReplaysTab,
  delete: DeleteTab,
};

function Intro({ of: { id, url, status, tenant, description } }: { readonly of: Subscription }) {
  return (
    <>
      <Badge of={status} tone={status === 'enabled' ? 'good' : 'quiet'} /> {description === null ? null : `${id}, `}
      {tenant === null ? 'events of all tenants' : `events of ${tenant}`} to <span class="wrapped">{url}</span>
    </>
  );
}

function Deleted({ id }: { readonly id: string }) {
  return (
    <Page title={id}>
      <div role="status">
        <Empty title="The subscription is deleted.">
          Nothing more is sent to its endpoint. <a href={href('/subscriptions')}>To the subscriptions</a>
        </Empty>
      </div>
    </Page>
  );
}

function OneSubscription({ id }: { readonly id: string }) {
  const [isDeleted, setDeleted] = useState(false);
  const shown = maySee('subscriptions:write') ? titlesForWriters : titles;
  const current = useTab(shown);
  const asked = useAnswer('GET /v1/subscriptions/{id}', { params: { id } }, { everyMs: 5_000, isEnabled: !isDeleted });
  if (isDeleted) return <Deleted id={id} />;
  const { data } = asked;
  const Shown = tabs[current] ?? HealthTab;
  return (
    <Page title={data?.description ?? id} intro={data === undefined ? null : <Intro of={data} />}>
      <PageTabs label="About this subscription" tabs={shown} current={current} />
      <Standing of={asked} what="the subscription" />
      {data === undefined ? null : <Shown subscription={data} onDeleted={() => setDeleted(true)} />}
    </Page>
  );
}

/** One subscription, in tabs. */
export default function SubscriptionPage({ id }: { readonly id: string }) {
  return <OneSubscription key={id} id={id} />;
}
