import type { Entry } from '../../engine-client.ts';
import { href, maySee } from '../../session.ts';
import { address } from '../../ui/links.tsx';
import type { TimeWindow } from '../../ui/time-window.tsx';
import type { Account } from '../accounts/account-status.tsx';
import { explainRejection } from '../accounts/rejections.ts';
import { nameOf } from '../subscriptions/subscription-choice.tsx';
import type { Sync } from '../syncs/all-syncs.ts';
import { syncPath } from '../syncs/sync-columns.tsx';
import type { IntegrationStatistics, SubscriptionStatistics } from './overview-statistics.ts';

type Subscription = Entry<'GET /v1/subscriptions'>;

/** Something that needs attention. */
export interface AttentionItem {
  readonly key: string;
  /** The state in a word. */
  readonly state: string;
  readonly tone: 'bad' | 'warn';
  readonly text: string;
  /** Where it is mended; undefined for who may not go there. */
  readonly path: string | undefined;
  readonly detail?: string | undefined;
}

const day = (at: string) => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Subscriptions that the engine has disabled or will disable, and endpoints that it gives a rest. */
export function ofSubscriptions(subscriptions: readonly Subscription[]): readonly AttentionItem[] {
  return subscriptions.flatMap((subscription): AttentionItem[] => {
    const { id, disabled, health } = subscription;
    const item = { key: `subscription ${id}`, path: href(`/subscriptions/${encodeURIComponent(id)}`) };
    const name = nameOf(subscription);
    if (disabled !== null)
      // What its owner has disabled is meant so.
      return disabled.by === 'owner'
        ? []
        : [
            {
              ...item,
              state: 'disabled',
              tone: 'bad',
              text: `${name} was disabled`,
              detail:
                disabled.by === 'gone'
                  ? 'Its endpoint answered 410. Enable it once it is back.'
                  : 'Its endpoint failed for too long. Enable it once it works.',
            },
          ];
    if (health.circuit !== 'closed' || health.failing_since !== null)
      return [
        {
          ...item,
          state: health.circuit === 'closed' ? 'failing' : `circuit ${health.circuit}`,
          tone: health.circuit === 'open' ? 'bad' : 'warn',
          text: `The endpoint of ${name} fails${health.failing_since === null ? '' : ` since ${day(health.failing_since)}`}`,
          detail: health.disables_at === null ? undefined : `It is disabled on ${day(health.disables_at)}.`,
        },
      ];
    return [];
  });
}

/** Deliveries that are not tried again by themselves. */
export function ofDeliveries(
  statistics: readonly SubscriptionStatistics[],
  subscriptions: readonly Subscription[],
  window: TimeWindow,
): readonly AttentionItem[] {
  const names = new Map(subscriptions.map((one) => [one.id, nameOf(one)]));
  return statistics.flatMap(({ subscription_id: id, deliveries: { exhausted } }): AttentionItem[] =>
    exhausted === 0
      ? []
      : [
          {
            key: `deliveries ${id}`,
            state: 'exhausted',
            tone: 'bad',
            text: `${exhausted === 1 ? '1 delivery' : `${exhausted} deliveries`} to ${names.get(id) ?? id} failed for good`,
            path: maySee('subscriptions:read')
              ? address('/deliveries', { subscription: id, state: 'exhausted' })
              : undefined,
            detail: `In ${window.title}. Only a replay sends them again.`,
          },
        ],
  );
}

const syncStates: ReadonlySet<string> = new Set(['failing', 'rate-limited']);

export function ofSyncs(syncs: readonly Sync[]): readonly AttentionItem[] {
  return syncs
    .filter(({ status }) => syncStates.has(status))
    .map((sync) => ({
      key: `sync ${sync.account} ${sync.id}`,
      state: sync.status,
      tone: sync.status === 'failing' ? 'bad' : 'warn',
      text: `Sync ${sync.id} of ${sync.account}`,
      path: syncPath(sync),
      detail: sync.reason ?? undefined,
    }));
}

export function ofAccounts(accounts: readonly Account[]): readonly AttentionItem[] {
  return accounts
    .filter(({ status }) => status === 'auth_failed')
    .map(({ id, name, integration, status_reason: reason }) => ({
      key: `account ${id}`,
      state: 'credentials refused',
      tone: 'bad',
      text: `Connect ${name ?? id} (${integration}) again`,
      path: href(`/accounts/${encodeURIComponent(id)}`),
      detail: reason ?? undefined,
    }));
}

/** Requests of providers that were rejected, or that the mapping could not read. */
export function ofRequests(
  integrations: readonly IntegrationStatistics[],
  accounts: readonly Account[],
  window: TimeWindow,
): readonly AttentionItem[] {
  return integrations.flatMap(({ integration, rejected, dead_lettered: dead }): AttentionItem[] => {
    const own = accounts.filter((account) => account.integration === integration);
    const [only] = own.length === 1 ? own : [];
    const mend =
      only === undefined
        ? address('/accounts', integration === '*' ? {} : { integration })
        : address(`/accounts/${encodeURIComponent(only.id)}`, { tab: 'webhooks' });
    const path = maySee('accounts:read') ? mend : undefined;
    const [reason] = Object.entries(rejected.by_reason).sort(([, one], [, other]) => other - one)[0] ?? [];
    const who = integration === '*' ? 'unknown integrations' : integration;
    return [
      ...(rejected.total === 0
        ? []
        : [
            {
              key: `rejected ${integration}`,
              state: 'rejected',
              tone: 'warn' as const,
              text: `${rejected.total === 1 ? '1 request' : `${rejected.total} requests`} of ${who} rejected`,
              path,
              detail: reason === undefined ? undefined : `In ${window.title}. ${explainRejection(reason).meaning}`,
            },
          ]),
      ...(dead === 0
        ? []
        : [
            {
              key: `dead ${integration}`,
              state: 'dead-lettered',
              tone: 'bad' as const,
              text: `${dead === 1 ? '1 request' : `${dead} requests`} of ${who} could not be read`,
              path,
              detail: `In ${window.title}. They are kept: mend the mapping, then process them again.`,
            },
          ]),
    ];
  });
}
