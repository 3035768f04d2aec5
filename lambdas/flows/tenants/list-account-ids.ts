import { type ErasurePorts, erasurePageSize } from './erasure-ports.ts';

/** Ids of all accounts of a tenant, closed ones included. */
export async function listAccountIds(
  { accounts }: Pick<ErasurePorts, 'accounts'>,
  tenant: string,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let after: string | undefined;
  do {
    const page = await accounts.list(tenant, erasurePageSize, after);
    for (const { id } of page.items) ids.add(id);
    after = page.next;
  } while (after !== undefined);
  return ids;
}
