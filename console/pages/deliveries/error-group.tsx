import { useState } from 'preact/hooks';
import type { Entry } from '../../engine-client.ts';
import { maySee, tenant } from '../../session.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { faultsAt } from '../../ui/field.tsx';
import { address, DeliveryLink, SubscriptionLink } from '../../ui/links.tsx';
import { Facts, Section } from '../../ui/page.tsx';
import { TenantField } from '../../ui/tenant-field.tsx';
import { Time } from '../../ui/time.tsx';
import { ReplayButtons, type ReplaySelection, useReplaySteps } from '../subscriptions/replay-steps.tsx';

export type ErrorGroupEntry = Entry<'GET /v1/delivery-errors'>;

/** The end of a group's window is not included in a search, so it begins a millisecond later. */
const afterLast = (at: string) => new Date(Date.parse(at) + 1).toISOString();

function titleOf({ status, error }: ErrorGroupEntry): string {
  if (status === null) return error === null ? 'No answer' : `No answer: ${error}`;
  return error === null ? `Status ${status}` : `Status ${status}: ${error}`;
}

function deliveriesOf(group: ErrorGroupEntry): string {
  return address('/deliveries', {
    subscription: group.subscription_id,
    status: group.status === null ? 'none' : String(group.status),
    since: group.first_at,
    until: afterLast(group.last_at),
  });
}

interface ErrorGroupProps {
  readonly of: ErrorGroupEntry;
  readonly onReplay: () => void;
}

/** Deliveries that fail alike. */
export function ErrorGroup({ of, onReplay }: ErrorGroupProps) {
  return (
    <Section title={titleOf(of)} actions={<ReplayGroup of={of} onReplay={onReplay} />}>
      {of.response === null || of.response === '' ? null : (
        <pre class="answer" tabIndex={0} role="region" aria-label={`Beginning of the latest answer: ${titleOf(of)}`}>
          {of.response}
        </pre>
      )}
      <Facts
        of={{
          Subscription: <SubscriptionLink id={of.subscription_id} />,
          Deliveries: of.deliveries.toLocaleString(),
          'Try again by themselves': of.waiting.toLocaleString(),
          'Have ended': of.ended.toLocaleString(),
          'First event': <Time at={of.first_at} />,
          'Last event': <Time at={of.last_at} />,
        }}
      />
      <p class="actions">
        <DeliveryLink id={of.latest}>Latest delivery</DeliveryLink>
        <a href={deliveriesOf(of)}>All of these deliveries</a>
      </p>
    </Section>
  );
}

function ReplayGroup({ of, onReplay }: ErrorGroupProps) {
  if (!maySee('subscriptions:write')) return null;
  if (of.ended === 0) return <span class="quiet">All are tried again by themselves.</span>;
  return (
    <button type="button" class="primary" aria-label={`Replay… ${titleOf(of)}`} onClick={onReplay}>
      Replay…
    </button>
  );
}

interface ReplayDialogProps {
  readonly of: ErrorGroupEntry;
  readonly onClose: () => void;
}

/** Counts, starts and follows a replay of a group. The group may be gone before it ends. */
export function ReplayDialog({ of, onClose }: ReplayDialogProps) {
  const steps = useReplaySteps(of.subscription_id);
  const [named, setNamed] = useState(tenant.value ?? '');
  const isShared = of.tenant === null;
  const selection: ReplaySelection = {
    mode: 'failed',
    // A replay's window is of the times at which events were stored, which come after those of the events.
    since: of.first_at,
    ...(isShared && named !== '' ? { tenant: named } : {}),
  };
  return (
    <Dialog title="Replay failed deliveries" onClose={onClose}>
      <div class="dialog-body">
        <p>
          Sends the failed and cancelled deliveries of <strong>{of.subscription_id}</strong> again whose events were
          stored since <Time at={of.first_at} as="absolute" />. Deliveries that failed for other reasons since then are
          sent, too. Those that are tried again by themselves are left alone.
        </p>
        <p>Mend the cause first: what fails again ends up here again.</p>
        {isShared ? (
          <TenantField
            value={named}
            onChange={setNamed}
            isRequired
            hint="The subscription serves all tenants, and a replay sends the events of one."
            faults={faultsAt(steps.problem, 'tenant')}
          />
        ) : null}
      </div>
      <ReplayButtons
        steps={steps}
        subscription={of.subscription_id}
        selection={selection}
        isCountedAtOnce={!isShared || named !== ''}
      />
    </Dialog>
  );
}
