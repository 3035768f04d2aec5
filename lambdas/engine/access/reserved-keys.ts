import { canary } from '../../contracts/canary.ts';
import { holdsScope, type Scope } from './scopes.ts';

interface StoredKey {
  readonly id: string;
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
}

/** Whether only a part of the engine may have a key with this id. */
export function isReservedKey(id: string): boolean {
  return id === canary.key;
}

/**
 * A stored key, as the caller that presents it is identified. The canary's key reaches the canary's tenant with the
 * canary's scopes, and no further, whatever its row says: the canary writes that row itself, IAM limits which row but
 * not its values, and the canary's URL is public.
 */
export function withinReserve<Key extends StoredKey>(key: Key | undefined): Key | undefined {
  if (key === undefined || !isReservedKey(key.id)) return key;
  return { ...key, tenant: canary.tenant, scopes: canary.scopes.filter((scope) => holdsScope(key.scopes, scope)) };
}
