import type { Answer, Entry } from '../../engine-client.ts';
import { Badge } from '../../ui/badge.tsx';
import { Time } from '../../ui/time.tsx';

export type Account = Answer<'GET /v1/accounts/{id}'>;
export type Integration = Answer<'GET /v1/integrations/{integration}'>;

type Status = Pick<Account, 'status' | 'credentials' | 'capture'>;

/** The state of an account's connection in words. */
function statusWords({ status, credentials }: Status): string {
  if (status === 'auth_failed') return 'credentials refused';
  if (status === 'disconnected') return 'not connected';
  return credentials === null ? 'webhooks only' : 'connected';
}

/** What the state means, in a sentence. */
export function statusMeaning({ status, credentials }: Status, provider: string): string {
  if (status === 'auth_failed')
    return `${provider} refuses the credentials. Webhooks are accepted, but nothing is read: reads and syncs wait for other credentials.`;
  if (status === 'disconnected')
    return `The account has no credentials for the API of ${provider}. Webhooks are accepted, but nothing is read.`;
  return credentials === null
    ? `${provider} sends webhooks. No API is called for this account, so it needs no credentials.`
    : `It has credentials, and ${provider} has not refused them.`;
}

const tones = { active: 'good', auth_failed: 'bad', disconnected: 'warn' } as const;

export function AccountStatus({ of }: { readonly of: Status }) {
  return <Badge of={statusWords(of)} tone={tones[of.status]} />;
}

interface News {
  readonly text: string;
  readonly at: string;
}

/** The latest that is known to have happened to an account. */
export function lastNews(account: Account, syncs: readonly Entry<'GET /v1/syncs'>[]): News {
  const { status_since: refusedAt, credentials, created_at: createdAt } = account;
  const news: News[] = [
    { text: 'Created', at: createdAt },
    ...(credentials === null ? [] : [{ text: 'Credentials stored', at: credentials.updated_at }]),
    ...(refusedAt === null ? [] : [{ text: 'Credentials refused', at: refusedAt }]),
    ...syncs.flatMap(({ id, account: of, last_run: run }) =>
      of !== account.id || run === null || run.ended_at === null
        ? []
        : [{ text: run.outcome === 'succeeded' ? `Synced ${id}` : `Sync ${id} ${run.outcome}`, at: run.ended_at }],
    ),
  ];
  return news.reduce((latest, one) => (one.at > latest.at ? one : latest));
}

export function LastNews({ of: { text, at } }: { readonly of: News }) {
  return (
    <>
      {text} <Time at={at} />
    </>
  );
}
