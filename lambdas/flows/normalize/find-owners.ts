import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import { type Holding, holdersOf } from '../../engine/account/context-claims.ts';
import type { FoundContext, RememberedContexts } from '../../ports/accounts/account-contexts.ts';
import type { Account, AccountStore } from '../../ports/accounts/account-store.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';

export interface OwnerPorts {
  readonly accounts: AccountStore;
  readonly contexts: RememberedContexts;
  readonly settings: IntegrationSettingsStore;
}

export interface Owner {
  readonly account: Account;
  /** The request's contexts that this account holds. */
  readonly contexts: readonly string[];
}

/** A request's contexts, sorted by owner. Contexts of former owners only are in none of the lists. */
export interface Ownership {
  readonly owners: readonly Owner[];
  /** Contexts that no tenant owns. */
  readonly free: readonly string[];
  /** Contexts held by accounts of several tenants, when the integration's settings do not let them share. */
  readonly contested: readonly string[];
  /** The records that this result is based on. */
  readonly found: readonly FoundContext[];
}

/** How requests of the URL for all accounts find their accounts. */
interface Routing {
  readonly accountContext: string;
}

/** How old remembered ownership may be. It is confirmed before use. */
const ownershipMaxAgeMs = 10_000;
const settingsMaxAgeMs = 10_000;

/**
 * Find the owners of a request's contexts. The result may be a remembered one when every context has an owner: confirm
 * it before acting on it.
 */
export async function findOwners(
  ports: OwnerPorts,
  message: RawMessage,
  routing: Routing,
  contexts: readonly string[],
): Promise<Ownership> {
  const remembered = await readHoldings(ports, message, routing, contexts, ownershipMaxAgeMs);
  const isClear = remembered.holdings.every(({ kind }) => kind === 'held');
  const { found, holdings } = isClear ? remembered : await readHoldings(ports, message, routing, contexts, 0);
  const isShared =
    holdings.some(({ kind }) => kind === 'contested') && (await sharesContexts(ports, message.integration));
  const own = new Map<Account, string[]>();
  const contextsOf = (wanted: string) => contexts.filter((_, index) => holdings[index]?.kind === wanted);
  for (const [index, holding] of holdings.entries())
    if (holding.kind === 'held' || (holding.kind === 'contested' && isShared))
      for (const account of holding.accounts)
        own.set(account, [...(own.get(account) ?? []), contexts[index] as string]);
  return {
    owners: [...own].map(([account, held]) => ({ account, contexts: held })),
    free: contextsOf('free'),
    contested: isShared ? [] : contextsOf('contested'),
    found,
  };
}

async function readHoldings(
  ports: OwnerPorts,
  { integration, receivedAt }: RawMessage,
  { accountContext }: Routing,
  values: readonly string[],
  maxAgeMs: number,
): Promise<{ readonly found: readonly FoundContext[]; readonly holdings: readonly Holding<Account>[] }> {
  const found = await Promise.all(
    values.map(async (value) => ({
      integration,
      value,
      record: await ports.contexts.recall(integration, value, maxAgeMs),
    })),
  );
  const ids = found.flatMap(({ record }) => [...record.claims.map(({ account }) => account), ...record.registered]);
  const read = await Promise.all([...new Set(ids)].map((id) => ports.accounts.get(id, maxAgeMs)));
  const accounts = new Map(read.flatMap((account) => (account === undefined ? [] : [[account.id, account] as const])));
  return {
    found,
    holdings: found.map(({ value, record }) =>
      holdersOf(record, accounts, { integration, accountContext, value }, Date.parse(receivedAt)),
    ),
  };
}

/**
 * Read the records behind a batch's ownerships again, in one request.
 *
 * @returns True for each ownership that still holds, otherwise a retryable error; stale records are forgotten.
 */
export async function confirmOwners(
  { accounts, contexts }: OwnerPorts,
  ownerships: readonly Ownership[],
): Promise<readonly (true | EngineError)[]> {
  if (ownerships.length === 0) return [];
  const owners = [...new Set(ownerships.flatMap((one) => one.owners.map(({ account }) => account)))];
  const found = ownerships.flatMap((one) => one.found);
  // Concurrent reads share one request.
  const [isOwner, isFound] = await Promise.all([accounts.confirm(owners), contexts.confirm(found)]);
  const stale = new Set<unknown>([
    ...owners.filter((_, index) => isOwner[index] !== true),
    ...found.filter((_, index) => isFound[index] !== true),
  ]);
  return ownerships.map(({ owners: own, found: by }) =>
    own.some(({ account }) => stale.has(account)) || by.some((one) => stale.has(one))
      ? new EngineError('contended', 'the accounts of a request have changed in the meantime', { retryable: true })
      : true,
  );
}

async function sharesContexts({ settings }: OwnerPorts, integration: string): Promise<boolean> {
  return (await settings.get(integration, settingsMaxAgeMs))?.sharedContexts === true;
}

/** The tenant of all owners; undefined when they belong to several tenants. */
export function soleTenant(owners: readonly Owner[]): string | undefined {
  const [first, ...others] = new Set(owners.map(({ account }) => account.tenant));
  return others.length === 0 ? first : undefined;
}
