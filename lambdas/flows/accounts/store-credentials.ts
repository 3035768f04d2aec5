import { isRead } from '../../engine/definition/plan-answer.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { CredentialStore, StoredCredentials } from '../../ports/provider/credential-store.ts';
import { type AskForFetchPorts, startRun } from '../enrich/ask-for-fetch.ts';
import type { EnsureSyncsPorts } from '../sync/ensure-syncs.ts';
import { wakeSyncs } from '../sync/follow-account.ts';

export interface StoreCredentialsPorts extends AskForFetchPorts, EnsureSyncsPorts {
  readonly credentials: CredentialStore;
}

/** Store the credentials of an account in the place of former ones, and start the work that waits for them. */
export async function storeCredentials(
  ports: StoreCredentialsPorts,
  definition: Definition,
  account: Account,
  next: Omit<StoredCredentials, 'revision' | 'generation'>,
): Promise<void> {
  for (;;) {
    const before = await ports.credentials.get(account.id, 0);
    const isOwn = before?.incarnation === account.createdAt;
    const recovered = isOwn ? (before.failed ?? before.recovered) : undefined;
    const stored = await ports.credentials.replace({
      ...next,
      incarnation: account.createdAt,
      // A call on its way with the former ones must not end the new ones.
      generation: (before?.generation ?? 0) + 1,
      revision: before?.revision ?? 0,
      ...(recovered === undefined ? {} : { recovered }),
    });
    if (stored === undefined) continue;
    if (recovered !== undefined) await ports.enrichQueue.send({ kind: 'account-news', account: account.id }, 0);
    break;
  }
  await resumeWork(ports, definition, account);
  await wakeSyncs(ports, account, definition);
}

/** Start the reads that wait for an account's credentials. */
async function resumeWork(ports: AskForFetchPorts, definition: Definition, { id }: Account): Promise<void> {
  const resources = Object.keys(definition.resources ?? {}).filter((resource) => isRead(definition, resource));
  await Promise.all(
    resources.map(async (resource) => {
      const run = await ports.fetches.ask({ account: id, resource });
      // A queue that nothing waits in has no time at which it is looked at.
      if (run.dueAtMs !== undefined) await startRun(ports, { account: id, resource }, run);
    }),
  );
}
