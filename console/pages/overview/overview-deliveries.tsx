import { maySee } from '../../session.ts';
import { SubscriptionLink } from '../../ui/links.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { duration, Time } from '../../ui/time.tsx';
import type { TimeWindow } from '../../ui/time-window.tsx';
import { nameOf, useSubscriptions } from '../subscriptions/subscription-choice.tsx';
import type { AllStatistics, SubscriptionStatistics } from './overview-statistics.ts';

interface DeliveriesProps {
  readonly statistics: AllStatistics;
  readonly window: TimeWindow;
}

function percent(rate: number | null): string {
  if (rate === null) return '–';
  // Never rounded up to 100: what was not delivered stays visible.
  return `${(Math.floor(rate * 1000) / 10).toFixed(1).replace(/\.0$/, '')} %`;
}

/** Share of delivered among the deliveries that have ended. */
function successRate(subscriptions: readonly SubscriptionStatistics[]): number | null {
  const sum = (name: 'delivered' | 'exhausted') =>
    subscriptions.reduce((total, { deliveries }) => total + deliveries[name], 0);
  const ended = sum('delivered') + sum('exhausted');
  return ended === 0 ? null : sum('delivered') / ended;
}

function Sums({ statistics: { subscriptions, data }, window }: DeliveriesProps) {
  const integrations = data?.integrations ?? [];
  const backlog = subscriptions.reduce((total, one) => total + one.backlog.count, 0);
  const isCounted = subscriptions.every((one) => one.backlog.is_complete);
  const sum = (count: (one: (typeof integrations)[number]) => number) =>
    integrations.reduce((total, one) => total + count(one), 0);
  return (
    <div class="sums">
      <Facts
        of={{
          [`Events in ${window.title}`]: sum(({ published }) => published).toLocaleString(),
          'Rejected requests': sum(({ rejected }) => rejected.total).toLocaleString(),
          'Delivered, of what has ended': percent(successRate(subscriptions)),
          'Waiting deliveries': `${backlog.toLocaleString()}${isCounted ? '' : ' or more'}`,
        }}
      />
    </div>
  );
}

const milliseconds = (ms: number | undefined) => (ms === undefined ? '–' : duration(ms));

function columns(names: ReadonlyMap<string, string>): readonly Column<SubscriptionStatistics>[] {
  return [
    {
      title: 'Subscription',
      show: ({ subscription_id: id }) =>
        maySee('subscriptions:read') ? <SubscriptionLink id={id}>{names.get(id) ?? id}</SubscriptionLink> : id,
    },
    { title: 'Delivered', isNumber: true, show: ({ success_rate: rate }) => percent(rate) },
    { title: 'p50', isNumber: true, isMinor: true, show: ({ latency_ms: ms }) => milliseconds(ms?.p50) },
    { title: 'p95', isNumber: true, show: ({ latency_ms: ms }) => milliseconds(ms?.p95) },
    { title: 'p99', isNumber: true, isMinor: true, show: ({ latency_ms: ms }) => milliseconds(ms?.p99) },
    { title: 'Deliveries', isNumber: true, isMinor: true, show: ({ deliveries }) => deliveries.total.toLocaleString() },
    {
      title: 'Waiting',
      isNumber: true,
      show: ({ backlog: { count, is_complete: isComplete }, oldest_waiting_at: since }) => (
        <>
          {count.toLocaleString()}
          {isComplete ? '' : '+'}
          {count === 0 || since === null ? null : (
            <div class="quiet">
              since <Time at={since} />
            </div>
          )}
        </>
      ),
    },
  ];
}

/** How the deliveries of each subscription go. */
export function Deliveries({ statistics, window }: DeliveriesProps) {
  const subscriptions = useSubscriptions(30_000);
  const names = new Map((subscriptions.data ?? []).map((one) => [one.id, nameOf(one)]));
  const { subscriptions: counted, isComplete, data } = statistics;
  const sampled = counted.some(({ sample }) => !sample.is_complete);
  return (
    <Section title="Deliveries">
      <Standing of={statistics} what="the statistics" />
      {data === undefined ? null : <Sums statistics={statistics} window={window} />}
      {counted.length === 0 ? null : (
        <>
          <Table
            caption="Deliveries by subscription: share delivered, and how fast the endpoints answer"
            columns={columns(names)}
            items={counted}
            keyOf={({ subscription_id: id }) => id}
          />
          <p class="quiet">
            p50, p95, p99: half, 95 and 99 of 100 answers of the endpoint came within this time.
            {sampled ? ' Of the newest thousand deliveries of each subscription.' : null}
            {isComplete ? null : ' There are more subscriptions than are shown.'}
          </p>
        </>
      )}
    </Section>
  );
}
