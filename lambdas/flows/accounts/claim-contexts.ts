import { EngineError } from '../../contracts/engine-error.ts';
import {
  type ClaimDecision,
  type ContextAccount,
  type ContextRecord,
  decideClaim,
  holdsValue,
  isClaimedByOthers,
  type RoutedValue,
  releaseClaim,
  standingClaims,
  withdrawClaim,
} from '../../engine/account/context-claims.ts';
import type { AccountContextRegistry } from '../../ports/accounts/account-contexts.ts';
import type { AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

export interface ClaimPorts {
  readonly accounts: Pick<AccountDirectory, 'find'>;
  readonly contexts: AccountContextRegistry;
  readonly settings: Pick<IntegrationSettingsStore, 'get'>;
  readonly clock: Clock;
}

/** The account that claims values. */
export interface ContextHolder {
  readonly integration: string;
  /** The member of the account's context that holds the values. */
  readonly accountContext: string;
  readonly tenant: string;
  readonly account: string;
}

export type ClaimRefusal =
  | {
      readonly kind: Exclude<ClaimDecision['kind'], 'granted'>;
      readonly accountContext: string;
      readonly value: string;
    }
  | { readonly kind: 'too-many-values'; readonly accountContext: string; readonly most: number };

export type ClaimOutcome =
  | {
      readonly kind: 'claimed';
      /** Values that the account now holds: requests parked under them belong to it. */
      readonly values: readonly string[];
      /** Withdraws the claims that this call made; earlier claims stay. */
      readonly withdraw: () => Promise<void>;
    }
  | ClaimRefusal;

/** Context values per account. */
export const maxValuesOfAccount = 500;
/** Concurrent claims. */
const atOnce = 20;
const maxAttempts = 10;

/**
 * Claim values for an account before it is created or changed: all of them, or none. A value that the account already
 * holds is claimed if possible; a failure to claim it does not refuse the others.
 *
 * @param mayClaim - Whether the caller may claim values that no tenant owns.
 * @param held - Values that the account holds already.
 */
export async function claimContexts(
  ports: ClaimPorts,
  holder: ContextHolder,
  values: readonly string[],
  mayClaim: boolean,
  held: readonly string[] = [],
): Promise<ClaimOutcome> {
  const { accountContext } = holder;
  if (values.length > maxValuesOfAccount) return { kind: 'too-many-values', accountContext, most: maxValuesOfAccount };
  const nowMs = ports.clock.nowMs();
  const granted: string[] = [];
  const made: string[] = [];
  let refusal: ClaimRefusal | undefined;
  await forEachAtMost(atOnce, values, async (value) => {
    if (refusal !== undefined) return;
    const { kind, isNew } = await claimValue(ports, holder, value, mayClaim, nowMs);
    if (kind === 'granted') {
      granted.push(value);
      if (isNew) made.push(value);
    } else if (!held.includes(value)) refusal ??= { kind, accountContext, value };
  });
  const withdraw = () =>
    forEachAtMost(atOnce, made, (value) =>
      giveUp(ports, holder, value, (record) => withdrawClaim(record, { ...holder, madeAtMs: nowMs })),
    );
  if (refusal === undefined) return { kind: 'claimed', values: granted, withdraw };
  await withdraw();
  return refusal;
}

async function claimValue(
  ports: ClaimPorts,
  { tenant, account, ...place }: ContextHolder,
  value: string,
  mayClaim: boolean,
  nowMs: number,
): Promise<{ readonly kind: ClaimDecision['kind']; readonly isNew: boolean }> {
  const routed: RoutedValue = { ...place, value };
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const record = await ports.contexts.find(routed.integration, value);
    const standing = standingClaims(record, await accountsOf(ports, record), routed, nowMs);
    const isShared =
      isClaimedByOthers(standing, tenant) && (await ports.settings.get(routed.integration, 0))?.sharedContexts === true;
    const decision = decideClaim(record, standing, { tenant, account, nowMs, mayClaim, isShared });
    const isNew = !standing.some((claim) => claim.tenant === tenant && claim.account === account);
    if (decision.kind !== 'granted') return { kind: decision.kind, isNew };
    if (await ports.contexts.replace(routed.integration, value, decision.record)) return { kind: 'granted', isNew };
  }
  throw contended();
}

async function accountsOf(
  { accounts }: Pick<ClaimPorts, 'accounts'>,
  { claims, registered }: ContextRecord,
): Promise<ReadonlyMap<string, ContextAccount>> {
  const ids = [...new Set([...claims.map(({ account }) => account), ...registered])];
  const found = await Promise.all(ids.map((id) => accounts.find(id)));
  return new Map(found.flatMap((account) => (account === undefined ? [] : [[account.id, account]])));
}

/** Release values that an account no longer holds; a value that it still holds stays claimed. */
export async function releaseContexts(
  ports: Omit<ClaimPorts, 'settings'>,
  holder: ContextHolder,
  values: readonly string[],
): Promise<void> {
  const nowMs = ports.clock.nowMs();
  await forEachAtMost(atOnce, values, (value) =>
    giveUp(ports, holder, value, (record) =>
      releaseClaim(record, { ...holder, sinceMs: nowMs }, { atMs: nowMs, by: holder.tenant }),
    ),
  );
}

async function giveUp(
  ports: Omit<ClaimPorts, 'settings'>,
  { tenant, account, ...place }: ContextHolder,
  value: string,
  change: (record: ContextRecord) => ContextRecord,
): Promise<void> {
  const routed: RoutedValue = { ...place, value };
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const record = await ports.contexts.find(routed.integration, value);
    const current = await ports.accounts.find(account);
    // A concurrent call may have given the account the value again.
    if (current?.tenant === tenant && holdsValue(current, routed)) return;
    const changed = change(record);
    const isWritten = changed === record || (await ports.contexts.replace(routed.integration, value, changed));
    if (!isWritten) continue;
    const isOwn = current === undefined || current.tenant === tenant;
    if (isOwn && record.registered.includes(account)) await ports.contexts.forget(routed.integration, value, account);
    return;
  }
  throw contended();
}

function contended(): EngineError {
  return new EngineError('contended', 'another call is claiming a context value of the account', { retryable: true });
}
