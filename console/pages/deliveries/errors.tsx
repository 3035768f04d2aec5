import { useMemo, useState } from 'preact/hooks';
import { useAnswer } from '../../queries.ts';
import { href, tenant } from '../../session.ts';
import { ChoiceField, faultsAt } from '../../ui/field.tsx';
import { FilterBar, useFilters } from '../../ui/filters.tsx';
import { Note } from '../../ui/note.tsx';
import { Empty, Page } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { SubscriptionChoice } from '../subscriptions/subscription-choice.tsx';
import { ErrorGroup, type ErrorGroupEntry, ReplayDialog } from './error-group.tsx';

const msPerHour = 3_600_000;
const windows = {
  '1h': { text: 'Last hour', ms: msPerHour },
  '24h': { text: 'Last 24 hours', ms: 24 * msPerHour },
  '7d': { text: 'Last 7 days', ms: 7 * 24 * msPerHour },
} as const;
type Window = keyof typeof windows;

const usual: Window = '24h';
const choices = Object.fromEntries(Object.entries(windows).map(([name, { text }]) => [name, text]));

function windowOf(name: string | undefined): Window {
  return name !== undefined && name in windows ? (name as Window) : usual;
}

/** What goes wrong with deliveries, in groups of what goes wrong alike. */
export default function ErrorsPage() {
  const filters = useFilters(['window', 'subscription']);
  const { values, set } = filters;
  const { subscription } = values;
  const chosen = windowOf(values['window']);
  // The same for as long as the page shows it: another start would be another question.
  const since = useMemo(() => new Date(Date.now() - windows[chosen].ms).toISOString(), [chosen]);
  const errors = useAnswer(
    'GET /v1/delivery-errors',
    { query: { since, subscription, tenant: subscription === undefined ? tenant.value : undefined } },
    { everyMs: 15_000 },
  );
  const { data, problem } = errors;
  const [replayed, replay] = useState<ErrorGroupEntry>();
  return (
    <Page title="Errors" intro="Deliveries that fail, grouped by what goes wrong. The largest group comes first.">
      <FilterBar filters={filters}>
        <ChoiceField
          label="Time"
          value={chosen}
          onChange={(window) => set({ window: window === usual ? undefined : window })}
          choices={choices}
        />
        <SubscriptionChoice
          none="All subscriptions"
          value={subscription ?? ''}
          onChange={(id) => set({ subscription: id })}
          faults={faultsAt(problem, 'subscription')}
        />
      </FilterBar>
      {problem?.reason === 'too-many-subscriptions' ? (
        <Empty title="Choose a subscription.">
          There are more than 25 subscriptions, and this page reads the deliveries of at most 25. Choose one above, or
          look at one tenant.
        </Empty>
      ) : (
        <Standing of={errors} what="the errors" />
      )}
      {data?.is_complete === false ? (
        <Note>
          There are many deliveries: of each subscription, only the newest thousand in this time are counted. Choose a
          shorter time to see all of it.
        </Note>
      ) : null}
      {data?.data.map((group) => (
        <ErrorGroup key={group.fingerprint} of={group} onReplay={() => replay(group)} />
      ))}
      {replayed === undefined ? null : <ReplayDialog of={replayed} onClose={() => replay(undefined)} />}
      {data?.data.length === 0 ? (
        <Empty title="No delivery fails.">
          Nothing to do here. <a href={href('/deliveries')}>See all deliveries</a>
        </Empty>
      ) : null}
    </Page>
  );
}
