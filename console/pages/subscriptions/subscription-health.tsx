import { useList } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { address } from '../../ui/links.tsx';
import { Note } from '../../ui/note.tsx';
import { Empty, Facts, Section } from '../../ui/page.tsx';
import { ListTable } from '../../ui/table.tsx';
import { duration, Time } from '../../ui/time.tsx';
import { deliveryColumns } from '../deliveries/delivery-columns.tsx';
import { EnableAndDisable } from './enable-and-disable.tsx';
import { CircuitBadge, Countdown, disabledMeanings } from './endpoint-health.tsx';
import type { Subscription } from './subscription-draft.ts';
import type { TabProps } from './subscription-tab.ts';

const circuitMeanings = {
  closed: 'Requests are sent.',
  open: 'Too many requests failed, so none are sent for a while. Deliveries wait, and nothing is lost.',
  'half-open': 'A single request finds out whether the endpoint is back.',
} as const;

function Standing({ of: { status, disabled, health } }: { readonly of: Subscription }) {
  if (status === 'disabled')
    return (
      <Note tone="warn">
        Nothing is sent, since <Time at={disabled?.at} as="absolute" />.{' '}
        {disabled === null ? '' : disabledMeanings[disabled.by]} Waiting deliveries stay where they are.
      </Note>
    );
  if (health.disables_at !== null)
    return (
      <Note tone="bad">
        All requests have failed since <Time at={health.failing_since} as="absolute" />. If none succeeds, the
        subscription is disabled <Countdown at={health.disables_at} />.
      </Note>
    );
  return null;
}

function HealthFacts({ of: { health, status } }: { readonly of: Subscription }) {
  const { circuit, blocked_until: blocked, paused_until: paused, failing_since: failing, latency_ms: latency } = health;
  return (
    <Facts
      of={{
        Endpoint:
          status === 'disabled' ? null : (
            <>
              <CircuitBadge of={circuit} /> <span class="below">{circuitMeanings[circuit]}</span>
            </>
          ),
        'Next request': blocked === null ? null : <Countdown at={blocked} />,
        'Paused by the endpoint until': paused === null ? null : <Countdown at={paused} />,
        'Failing since': failing === null ? 'it does not fail' : <Time at={failing} />,
        'Is disabled': health.disables_at === null ? null : <Countdown at={health.disables_at} />,
        'Waiting deliveries': health.has_backlog ? 'yes' : 'none',
        'Time to answer': latency === null ? 'not known yet' : duration(latency),
      }}
    />
  );
}

function LastDeliveries({ id }: { readonly id: string }) {
  const list = useList('GET /v1/deliveries', { query: { subscription: id, limit: 20 } }, { everyMs: 5_000 });
  return (
    <Section
      title="Last deliveries"
      actions={<a href={address('/deliveries', { subscription: id })}>Search all of its deliveries</a>}
    >
      <ListTable
        caption="Last deliveries"
        list={list}
        columns={deliveryColumns(false)}
        keyOf={(delivery) => delivery.id}
        empty={
          <Empty title="Nothing has been delivered yet.">
            {maySee('subscriptions:write') ? 'Send a test, or replay past events, from the tabs above.' : null}
          </Empty>
        }
      />
    </Section>
  );
}

/** How the endpoint does, and the switch. */
export function HealthTab({ subscription }: TabProps) {
  return (
    <>
      <Section title="Health" actions={maySee('subscriptions:write') ? <EnableAndDisable of={subscription} /> : null}>
        <Standing of={subscription} />
        <HealthFacts of={subscription} />
      </Section>
      <LastDeliveries id={subscription.id} />
    </>
  );
}
