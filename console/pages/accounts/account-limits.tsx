import type { Answer } from '../../engine-client.ts';
import { useAnswer } from '../../queries.ts';
import { Empty, Section } from '../../ui/page.tsx';
import { Standing } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { duration, Time } from '../../ui/time.tsx';
import type { Account, Integration } from './account-status.tsx';

type Limits = Answer<'GET /v1/accounts/{id}/limits'>;
type Limit = Limits['limits'][number];
type Waiting = Limits['waiting'][number];

interface AccountLimitsProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
}

function leftWords({ kind, remaining, maximum, per_seconds: seconds }: Limit): string {
  const per = seconds === null ? '' : ` in ${duration(seconds * 1000)}`;
  if (kind === 'concurrent') return `${remaining} of ${maximum} calls at the same time are free`;
  return `${remaining} of ${maximum} calls${per} are left`;
}

function LimitBar({ of }: { readonly of: Limit }) {
  const { name, scope, maximum, remaining, resets_at: resetsAt, blocked_until: blockedUntil } = of;
  const words = leftWords(of);
  return (
    <li>
      <h3>
        {name} <span class="quiet">{scope === 'app' ? 'shared by all accounts' : 'of this account'}</span>
      </h3>
      <progress max={Math.max(maximum, 1)} value={Math.min(remaining, maximum)} aria-label={`${name}: ${words}`} />
      <p>
        {words}
        {resetsAt === null ? null : (
          <>
            ; it begins anew <Time at={resetsAt} />
          </>
        )}
        {blockedUntil === null ? null : (
          <strong>
            . No call until <Time at={blockedUntil} as="clock" />
          </strong>
        )}
      </p>
    </li>
  );
}

const priorities: Readonly<Record<Waiting['priority'], string>> = {
  webhook: 'Records of webhooks',
  read: 'Reads of your own',
  poll: 'Syncs',
  backfill: 'Backfills and comparisons',
};

const waitingColumns = [
  { title: 'Who waits', show: ({ priority }: Waiting) => priorities[priority] },
  { title: 'Calls', isNumber: true, show: ({ calls }: Waiting) => calls },
  { title: 'Since', show: ({ since }: Waiting) => <Time at={since} /> },
];

function LimitList({ limits, waiting, in_flight: flights, blocked_until: blockedUntil }: Limits) {
  return (
    <>
      {blockedUntil === null ? null : (
        <div class="note note-warn">
          <p>
            The provider said that no call may come before <Time at={blockedUntil} as="absolute" />. What waits goes on
            by itself then.
          </p>
        </div>
      )}
      <Section title="What is left">
        {limits.length === 0 ? (
          <p>The definition names no limits of this provider.</p>
        ) : (
          <ul class="bars">
            {limits.map((limit) => (
              <LimitBar key={`${limit.scope} ${limit.name}`} of={limit} />
            ))}
          </ul>
        )}
        <p class="quiet">
          {flights === 0 ? 'No call is' : flights === 1 ? '1 call is' : `${flights} calls are`} on the way.
        </p>
      </Section>
      <Section title="Who waits">
        {waiting.length === 0 ? (
          <p>Nothing waits for a call.</p>
        ) : (
          <Table
            caption="Who waits for a call, most urgent first"
            columns={waitingColumns}
            items={waiting}
            keyOf={({ priority }) => priority}
          />
        )}
      </Section>
    </>
  );
}

/** What is left of the provider's limits. */
export function AccountLimits({ account: { id }, integration }: AccountLimitsProps) {
  const callsApi = integration !== undefined && integration.credentials.length > 0;
  const limits = useAnswer('GET /v1/accounts/{id}/limits', { params: { id } }, { everyMs: 3_000, isEnabled: callsApi });
  if (integration !== undefined && !callsApi)
    return (
      <Empty title="There are no limits.">No API of {integration.title} is called, so nothing can be used up.</Empty>
    );
  return (
    <>
      <Standing of={limits} what="the limits" />
      {limits.data === undefined ? null : <LimitList {...limits.data} />}
    </>
  );
}
