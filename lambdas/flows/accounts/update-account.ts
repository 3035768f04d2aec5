import { EngineError } from '../../contracts/engine-error.ts';
import { withAliases } from '../../engine/definition/context-for-calls.ts';
import { contextValues } from '../../engine/mapping/context-values.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import { arm, type CaptureRequest, findSecretsFault, type SecretsFault, withUrlToken } from './account-secrets.ts';
import { type ClaimRefusal, claimContexts, releaseContexts } from './claim-contexts.ts';
import { type AccountPorts, replayParked, setRanges } from './create-account.ts';

/** Members to change; an omitted member stays as is. */
export interface AccountChange {
  /** By secret name; null removes a secret. */
  readonly secrets?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  /** Replaces the whole context. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  /** Null stops the capture. */
  readonly capture?: CaptureRequest | null | undefined;
  /** Null clears it. */
  readonly name?: string | null | undefined;
  /** Replaces all pairs; null clears them. */
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
  /** Null goes back to the integration's. */
  readonly baseUrl?: string | null | undefined;
  readonly share?: number | null | undefined;
  readonly syncs?: Account['syncs'];
  /** Replaces all ranges; null or an empty list allows every address. */
  readonly allowedRanges?: readonly string[] | null | undefined;
  /** Kind of the credentials that are stored for it; null where they are removed. */
  readonly credentialKind?: string | null | undefined;
  /**
   * Whether the caller may claim a value of the routing context that no tenant owns.
   *
   * @default false
   */
  readonly mayClaim?: boolean | undefined;
}

export type AccountUpdate =
  | { readonly kind: 'updated'; readonly account: Account }
  | { readonly kind: 'unknown-account' }
  | { readonly kind: 'unknown-integration' }
  | ClaimRefusal
  | SecretsFault;

const maxAttempts = 4;

/**
 * Change an account: rotate its secrets, replace its context, start or stop a capture.
 *
 *   claim new context values -> change the account -> release old values -> replay parked requests
 */
export async function updateAccount(ports: AccountPorts, id: string, change: AccountChange): Promise<AccountUpdate> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await ports.accounts.find(id);
    // A closed account is being erased: treat it as gone.
    if (before === undefined || before.closed === true) return { kind: 'unknown-account' };
    const integration = await ports.integrations.get(before.integration);
    if (integration === undefined) return { kind: 'unknown-integration' };
    const merged = Object.entries({ ...before.secrets, ...change.secrets }).filter(([, value]) => value !== null);
    const secrets = Object.fromEntries(merged) as Account['secrets'];
    const given = Object.fromEntries(Object.entries(change.secrets ?? {}).map(([name, value]) => [name, value ?? []]));
    const fault = findSecretsFault(integration, given, change.capture ?? undefined);
    if (fault !== undefined) return fault;
    const { capture, ...rest } = before;
    const account: Account = {
      ...rest,
      name: change.name === undefined ? before.name : (change.name ?? undefined),
      metadata: change.metadata === undefined ? before.metadata : (change.metadata ?? undefined),
      secrets: withUrlToken(integration, secrets, ports.randomness),
      baseUrl: change.baseUrl === undefined ? before.baseUrl : (change.baseUrl ?? undefined),
      share: change.share === undefined ? before.share : (change.share ?? undefined),
      syncs: change.syncs ?? before.syncs,
      allowedRanges: change.allowedRanges === undefined ? before.allowedRanges : setRanges(change.allowedRanges),
      credentialKind:
        change.credentialKind === undefined ? before.credentialKind : (change.credentialKind ?? undefined),
      context: change.context === undefined ? before.context : withAliases(integration, change.context),
      ...(change.capture === undefined && capture !== undefined ? { capture } : {}),
      ...arm(change.capture ?? undefined, ports.clock),
    };
    const { routing } = integration;
    const valuesIn = (context: Account['context']) =>
      routing === undefined ? [] : contextValues(context[routing.account_context]);
    const known = valuesIn(before.context);
    const values = change.context === undefined ? [] : valuesIn(account.context);
    const accountContext = routing?.account_context ?? '';
    const holder = { integration: account.integration, accountContext, tenant: account.tenant, account: id };
    const claim = await claimContexts(ports, holder, values, change.mayClaim === true, known);
    if (claim.kind !== 'claimed') return claim;
    if (!(await ports.accounts.replace(account))) {
      await claim.withdraw();
      continue;
    }
    if (change.context !== undefined)
      await releaseContexts(
        ports,
        holder,
        known.filter((value) => !values.includes(value)),
      );
    // Includes values that it already had, so repeating an interrupted change completes it.
    for (const value of claim.values) await replayParked(ports, account.integration, value);
    return { kind: 'updated', account };
  }
  throw new EngineError('contended', 'the account is being changed', { retryable: true });
}
