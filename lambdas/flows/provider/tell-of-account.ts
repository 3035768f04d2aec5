import { type Operation, operationalEvent } from '../../engine/event/operational-event.ts';
import type { Account, AccountStore } from '../../ports/accounts/account-store.ts';
import type { CredentialFailure, CredentialStore } from '../../ports/provider/credential-store.ts';
import type { FactPorts } from '../publish/publication.ts';
import { publishFacts } from '../publish/publish-events.ts';

export interface TellOfAccountPorts extends FactPorts {
  readonly accounts: Pick<AccountStore, 'get'>;
  readonly provider: { readonly credentials: CredentialStore };
}

/**
 * Tell the tenant that an account's credentials are refused, or that it has others since.
 *
 * The row says what is still to be told. Told again after a crash, it is the same event.
 */
export async function tellOfAccount(ports: TellOfAccountPorts, id: string): Promise<void> {
  const { credentials } = ports.provider;
  for (;;) {
    const stored = await credentials.get(id, 0);
    const account = await ports.accounts.get(id, 0);
    if (stored === undefined || account === undefined || stored.incarnation !== account.createdAt) return;
    const { failed, recovered, ...rest } = stored;
    const isUntold = failed !== undefined && failed.isTold !== true;
    if (recovered === undefined && !isUntold) return;
    if (recovered !== undefined)
      await publish(ports, [failureOf(account, recovered), recoveryOf(account, recovered, stored.updatedAtMs)]);
    if (isUntold) await publish(ports, [failureOf(account, failed)]);
    const told = failed === undefined ? rest : { ...rest, failed: { ...failed, isTold: true as const } };
    // Others have changed it meanwhile: there may be more to tell.
    if ((await credentials.replace(told)) !== undefined) return;
  }
}

function failureOf(account: Account, { sinceMs, reason }: CredentialFailure): Operation {
  return {
    ...operationOf(account, 'account.auth_failed', sinceMs),
    at: iso(sinceMs),
    data: { ...dataOf(account), reason, since: iso(sinceMs) },
  };
}

function recoveryOf(account: Account, { sinceMs }: CredentialFailure, atMs: number): Operation {
  return {
    ...operationOf(account, 'account.recovered', sinceMs),
    at: iso(atMs),
    data: { ...dataOf(account), failed_since: iso(sinceMs) },
  };
}

function operationOf({ id, tenant, createdAt }: Account, type: Operation['type'], sinceMs: number) {
  return { type, tenant, about: 'accounts' as const, id, occurrence: `${createdAt} ${sinceMs}` };
}

function dataOf({ id, tenant, integration }: Account) {
  return { account_id: id, tenant, integration };
}

async function publish(ports: FactPorts, operations: readonly Operation[]): Promise<void> {
  const publications = await publishFacts(
    ports,
    operations.map((operation) => {
      const event = operationalEvent(operation);
      return { event, owner: event.id };
    }),
  );
  const failed = publications.find((publication) => publication.kind === 'failed');
  if (failed?.kind === 'failed') throw failed.error;
}

const iso = (epochMs: number) => new Date(epochMs).toISOString();
