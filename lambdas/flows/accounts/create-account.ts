import { holdsValue } from '../../engine/account/context-claims.ts';
import { withAliases } from '../../engine/definition/context-for-calls.ts';
import { contextValues } from '../../engine/mapping/context-values.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type { ParkedRequests } from '../../ports/accounts/parked-requests.ts';
import type { RawQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { TenantStore } from '../../ports/tenants/tenant-store.ts';
import {
  type QuotaExceeded,
  type Quotas,
  type QuotaUse,
  refuseBeyondQuota,
  undoBeyondQuota,
} from '../access/quotas.ts';
import { isErasing, tellAccount } from '../tenants/manage-tenant.ts';
import { arm, type CaptureRequest, findSecretsFault, type SecretsFault, withUrlToken } from './account-secrets.ts';
import { type ClaimPorts, type ClaimRefusal, claimContexts } from './claim-contexts.ts';

export interface AccountRequest {
  readonly id?: string | undefined;
  readonly tenant: string;
  readonly integration: string;
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly context: Readonly<Record<string, unknown>>;
  readonly capture?: CaptureRequest | undefined;
  readonly name?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly baseUrl?: string | undefined;
  readonly share?: number | undefined;
  readonly syncs?: Account['syncs'];
  readonly allowedRanges?: readonly string[] | undefined;
  /** Kind of the credentials that are stored for it. */
  readonly credentialKind?: string | undefined;
  /** ISO 8601. @default now */
  readonly createdAt?: string | undefined;
  /**
   * Whether the caller may claim a value of the routing context that no tenant owns.
   *
   * @default false
   */
  readonly mayClaim?: boolean | undefined;
}

export type AccountCreation =
  | { readonly kind: 'created'; readonly account: Account }
  | { readonly kind: 'exists' }
  | { readonly kind: 'unknown-integration' }
  /** The tenant is being erased; retry when the erasure is done. */
  | { readonly kind: 'tenant-erasing' }
  | QuotaExceeded
  | ClaimRefusal
  | SecretsFault;

/** Ports for creating and changing accounts. */
export interface AccountPorts extends ClaimPorts {
  readonly accounts: AccountDirectory;
  readonly tenants: Pick<TenantStore, 'find'>;
  readonly integrations: IntegrationCatalog;
  readonly parked: ParkedRequests;
  readonly rawQueue: RawQueue;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly quotas: Quotas;
}

/**
 * Connect a tenant to an integration. The integration declares the names of the secrets.
 *
 *   claim context values -> create the account -> replay parked requests
 *
 * A refused claim changes nothing. A claim left by an interrupted call lapses without cleanup.
 */
export async function createAccount(ports: AccountPorts, request: AccountRequest): Promise<AccountCreation> {
  const integration = await ports.integrations.get(request.integration);
  if (integration === undefined) return { kind: 'unknown-integration' };
  const fault = findSecretsFault(integration, request.secrets, request.capture);
  if (fault !== undefined) return fault;
  const tenant = await ports.tenants.find(request.tenant);
  if (isErasing(tenant)) return { kind: 'tenant-erasing' };
  const rawDays = tenant?.retention.rawDays;
  const account: Account = {
    id: request.id ?? `acc_${ports.randomness.bytes(12).toString('hex')}`,
    tenant: request.tenant,
    integration: request.integration,
    name: request.name,
    metadata: request.metadata,
    secrets: withUrlToken(integration, request.secrets, ports.randomness),
    context: withAliases(integration, request.context),
    ...callSettings(request),
    allowedRanges: setRanges(request.allowedRanges),
    ...arm(request.capture, ports.clock),
    ...(rawDays === undefined ? {} : { rawRetentionDays: rawDays }),
    createdAt: request.createdAt ?? new Date(ports.clock.nowMs()).toISOString(),
    revision: 1,
  };
  const use: QuotaUse = {
    quotas: ports.quotas,
    quota: 'accountsPerTenant',
    count: (most) => ports.accounts.count(request.tenant, most),
  };
  // A retry of an interrupted call creates no second account, so the quota does not apply.
  const isKnown = request.id !== undefined && (await ports.accounts.find(request.id)) !== undefined;
  const exceeded = isKnown ? undefined : await refuseBeyondQuota(use);
  if (exceeded !== undefined) return exceeded;
  const { routing } = integration;
  const contexts = routing === undefined ? [] : contextValues(account.context[routing.account_context]);
  const accountContext = routing?.account_context ?? '';
  const holder = { integration: account.integration, accountContext, tenant: account.tenant, account: account.id };
  const claim = await claimContexts(ports, holder, contexts, request.mayClaim === true);
  if (claim.kind !== 'claimed') return claim;
  const result = await ports.accounts.create(account);
  if (result === 'exists') {
    const existing = contexts.length === 0 ? undefined : await ports.accounts.find(account.id);
    // An interrupted call may have created the account without replaying its parked requests.
    if (existing?.tenant === account.tenant)
      for (const value of claim.values)
        if (holdsValue(existing, { ...holder, value })) await replayParked(ports, account.integration, value);
    await claim.withdraw();
    return { kind: 'exists' };
  }
  const undone = await undoBeyondQuota(use, async () => {
    await ports.accounts.remove(account);
    await claim.withdraw();
  });
  if (undone !== undefined) return undone;
  for (const value of claim.values) await replayParked(ports, account.integration, value);
  // A concurrent change of the tenant may have missed the new account.
  const since = (await ports.tenants.find(request.tenant))?.retention.rawDays;
  if (since !== rawDays) await tellAccount(ports, account.id, since);
  return { kind: 'created', account };
}

/** An empty list is as good as none, and takes no space in the row. */
export function setRanges(ranges: readonly string[] | null | undefined): readonly string[] | undefined {
  return ranges == null || ranges.length === 0 ? undefined : ranges;
}

/** What a request says of calls of the provider. */
function callSettings({ baseUrl, share, syncs, credentialKind }: AccountRequest) {
  return {
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(share === undefined ? {} : { share }),
    ...(syncs === undefined ? {} : { syncs }),
    ...(credentialKind === undefined ? {} : { credentialKind }),
  };
}

/** Parked requests replayed concurrently. */
const replayPage = 25;

/**
 * Queue the requests parked under a context value, and drop expired ones. A request queued twice is published once,
 * because its ids stay the same.
 */
export async function replayParked(
  ports: { readonly parked: ParkedRequests; readonly rawQueue: RawQueue },
  integration: string,
  context: string,
): Promise<void> {
  let after: string | undefined;
  do {
    const page = await ports.parked.list(integration, context, replayPage, after);
    await Promise.all(
      page.items.map(async ({ message, isExpired }) => {
        if (!isExpired) await ports.rawQueue.send(message);
        await ports.parked.remove(integration, context, message.rawId);
      }),
    );
    after = page.next;
  } while (after !== undefined);
}
