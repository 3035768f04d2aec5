import type { Entry } from '../../engine-client.ts';
import { Badge } from '../../ui/badge.tsx';
import { distance, Time, useNow } from '../../ui/time.tsx';

type Subscription = Pick<Entry<'GET /v1/subscriptions'>, 'health' | 'status' | 'disabled'>;

export const disabledMeanings: Readonly<Record<NonNullable<Subscription['disabled']>['by'], string>> = {
  owner: 'A person disabled it.',
  failures: 'All its deliveries failed for too long.',
  gone: 'Its endpoint answered 410: it wants nothing more.',
};

const circuitWords = { closed: 'working', open: 'blocked', 'half-open': 'being probed' } as const;
const circuitTones = { closed: 'good', open: 'bad', 'half-open': 'warn' } as const;

/** "closed" and "open" mean the reverse of what most people think: the words say what happens. */
export function CircuitBadge({ of }: { readonly of: Subscription['health']['circuit'] }) {
  return <Badge of={circuitWords[of]} tone={circuitTones[of]} />;
}

/** A moment, and the time until then. */
export function Countdown({ at }: { readonly at: string }) {
  const now = useNow(1_000);
  const atMs = Date.parse(at);
  return (
    <>
      {atMs <= now ? 'now due' : distance(atMs, now)} (<Time at={at} as="absolute" />)
    </>
  );
}

/** How an endpoint does, in a few words. */
export function HealthInBrief({ of: { health, status } }: { readonly of: Subscription }) {
  if (status === 'disabled') return <span class="quiet">nothing is sent</span>;
  const { circuit, paused_until: pausedUntil, disables_at: disablesAt, has_backlog: hasBacklog } = health;
  return (
    <>
      <CircuitBadge of={circuit} />
      {pausedUntil === null ? null : (
        <span class="below">
          paused until <Time at={pausedUntil} as="clock" />
        </span>
      )}
      {disablesAt === null ? null : (
        <span class="below">
          fails; is disabled <Time at={disablesAt} />
        </span>
      )}
      {hasBacklog ? <span class="below">deliveries wait</span> : null}
    </>
  );
}

export const healthChoices = {
  '': 'Any health',
  failing: 'Failing',
  blocked: 'Blocked or being probed',
  paused: 'Paused by the endpoint',
  backlog: 'With waiting deliveries',
} as const;

/** Whether a subscription has the chosen health; an unknown choice is none. */
export function hasHealth({ health }: Subscription, choice: string | undefined): boolean {
  switch (choice) {
    case 'failing':
      return health.failing_since !== null;
    case 'blocked':
      return health.circuit !== 'closed';
    case 'paused':
      return health.paused_until !== null;
    case 'backlog':
      return health.has_backlog;
    default:
      return true;
  }
}
