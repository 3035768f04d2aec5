import { holdersOf } from '../../engine/account/context-claims.ts';
import type { AccountContexts, ContextValue, SharedContexts } from '../../ports/accounts/account-contexts.ts';
import type { Account, AccountDirectory, Page } from '../../ports/accounts/account-store.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';

export interface CollisionPorts {
  readonly contexts: AccountContexts & SharedContexts;
  readonly accounts: Pick<AccountDirectory, 'find'>;
  readonly integrations: IntegrationCatalog;
}

/** A context value that accounts of several tenants hold. */
export interface Collision extends ContextValue {
  readonly accounts: readonly Pick<Account, 'id' | 'tenant'>[];
}

/** Reads per page while nothing is found. */
const maxLooks = 20;

/** A page of the values that accounts of several tenants hold, whether or not sharing is allowed. */
export async function listCollisions(
  ports: CollisionPorts,
  limit: number,
  after: string | undefined,
): Promise<Page<Collision>> {
  let next = after;
  const items: Collision[] = [];
  for (let look = 0; look < maxLooks; look += 1) {
    const page = await ports.contexts.listShared(limit, next);
    for (const named of page.items) {
      const collision = await collisionOf(ports, named);
      if (collision !== undefined) items.push(collision);
    }
    ({ next } = page);
    if (items.length > 0 || next === undefined) break;
  }
  return { items, next };
}

async function collisionOf(ports: CollisionPorts, named: ContextValue): Promise<Collision | undefined> {
  const routing = (await ports.integrations.get(named.integration))?.routing;
  if (routing === undefined) return undefined;
  const record = await ports.contexts.find(named.integration, named.value);
  const ids = new Set([...record.claims.map(({ account }) => account), ...record.registered]);
  const found = await Promise.all([...ids].map((id) => ports.accounts.find(id)));
  const accounts = new Map(found.flatMap((account) => (account === undefined ? [] : [[account.id, account] as const])));
  // Resolve the value as a request that arrives now would.
  const routed = { ...named, accountContext: routing.account_context };
  const holding = holdersOf(record, accounts, routed, Number.POSITIVE_INFINITY);
  if (holding.kind !== 'contested') return undefined;
  return {
    ...named,
    accounts: holding.accounts.map(({ id, tenant }) => ({ id, tenant })).sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}
