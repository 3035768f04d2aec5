import { useList } from '../../queries.ts';
import { maySee, tenant } from '../../session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Section } from '../../ui/page.tsx';
import type { TimeWindow } from '../../ui/time-window.tsx';
import { useWhole } from '../../ui/whole-list.ts';
import { servesChosenTenant, useSubscriptions } from '../subscriptions/subscription-choice.tsx';
import { useSyncs } from '../syncs/all-syncs.ts';
import {
  type AttentionItem,
  ofAccounts,
  ofDeliveries,
  ofRequests,
  ofSubscriptions,
  ofSyncs,
} from './overview-items.ts';
import type { AllStatistics } from './overview-statistics.ts';

interface AttentionProps {
  readonly statistics: AllStatistics;
  readonly window: TimeWindow;
}

const mostShown = 20;

/** Everything that works not as it should, worst first. */
function useItems({ statistics, window }: AttentionProps): readonly AttentionItem[] {
  const subscriptions = useWhole(useSubscriptions(30_000));
  const syncs = useSyncs();
  const accounts = useWhole(
    useList('GET /v1/accounts', { query: { limit: 500 } }, { everyMs: 30_000, isEnabled: maySee('accounts:read') }),
  );
  const own = (accounts.data ?? []).filter((one) => tenant.value === undefined || one.tenant === tenant.value);
  const served = (subscriptions.data ?? []).filter(servesChosenTenant);
  return [
    ...ofSubscriptions(served),
    ...ofAccounts(own),
    ...ofSyncs(syncs.data ?? []),
    ...ofDeliveries(statistics.subscriptions, served, window),
    ...ofRequests(statistics.data?.integrations ?? [], own, window),
  ].sort((one, other) => Number(other.tone === 'bad') - Number(one.tone === 'bad'));
}

/** What needs attention, each with a link to its mend. Nothing where all is well. */
export function Attention(props: AttentionProps) {
  const items = useItems(props);
  if (items.length === 0) return null;
  return (
    <Section title="Needs attention">
      <ul class="attention">
        {items.slice(0, mostShown).map(({ key, state, tone, text, path, detail }) => (
          <li key={key}>
            <Badge of={state} tone={tone} />
            <span>
              {path === undefined ? text : <a href={path}>{text}</a>}
              {detail === undefined ? null : <span class="quiet"> {detail}</span>}
            </span>
          </li>
        ))}
      </ul>
      {items.length > mostShown ? <p class="quiet">And {items.length - mostShown} more.</p> : null}
    </Section>
  );
}
