import { EngineError } from '../../contracts/engine-error.ts';
import { type RenderedCertificate, renderCertificate } from '../../engine/governance/erasure-certificate.ts';
import type { AccountDirectory, Page } from '../../ports/accounts/account-store.ts';
import type { EgressPolicy } from '../../ports/delivery/callback-client.ts';
import type {
  DeliveryMode,
  Tenant,
  TenantDelivery,
  TenantRetention,
  TenantStore,
} from '../../ports/tenants/tenant-store.ts';

export interface ManageTenantPorts {
  readonly tenants: TenantStore;
  readonly accounts: Pick<AccountDirectory, 'find' | 'list' | 'replace'>;
  /** Days that the deployment keeps events, then the raw archive: upper bounds for every tenant. */
  readonly retentionDays: number;
  readonly rawRetentionDays: number;
  readonly egress: EgressPolicy;
}

/** Members to change. An omitted member stays as is; null resets it to the deployment's retention. */
export interface TenantChange {
  readonly eventsDays?: number | null | undefined;
  readonly rawDays?: number | null | undefined;
  readonly delivery?: DeliveryMode | undefined;
  /** Null removes the second endpoint. */
  readonly shadowUrl?: string | null | undefined;
}

export type TenantUpdate =
  | { readonly kind: 'updated'; readonly tenant: Tenant }
  | {
      readonly kind: 'out-of-range';
      readonly setting: 'eventsDays' | 'rawDays';
      readonly least: number;
      readonly most: number;
    }
  /** The second endpoint may not be called. */
  | { readonly kind: 'url-refused'; readonly reason: string }
  /** The mode `shadow` would have no second endpoint. */
  | { readonly kind: 'no-shadow-url' }
  /** The tenant is being erased; it can be used again when the erasure is done. */
  | { readonly kind: 'tenant-erasing' };

const maxAttempts = 5;
const pageSize = 100;

/** A tenant without a stored row has the deployment's defaults. */
function newTenant(tenant: string): Tenant {
  return { tenant, retention: {}, certificates: [], revision: 0 };
}

/** The settings and erasures of a tenant. Every name is a valid tenant, stored or not. */
export async function getTenant({ tenants }: Pick<ManageTenantPorts, 'tenants'>, name: string): Promise<Tenant> {
  return (await tenants.find(name)) ?? newTenant(name);
}

/** Tenants that have settings or an erasure. */
export async function listTenants(
  { tenants }: Pick<ManageTenantPorts, 'tenants'>,
  limit: number,
  after: string | undefined,
): Promise<Page<Tenant>> {
  return tenants.list(limit, after);
}

/** Certificates of finished erasures, newest first, as the API shows them. */
export function certificatesOf({ certificates }: Tenant): readonly RenderedCertificate[] {
  return certificates.map(renderCertificate);
}

export function isErasing(tenant: Tenant | undefined): boolean {
  return tenant?.erasure?.state === 'running';
}

/**
 * Set how long a tenant's data is kept, and how its events reach it. The change applies to data written a minute later
 * and after; stored data keeps its expiry, and waiting deliveries are still made.
 *
 * The retention of the raw archive is copied to each of the tenant's accounts, where ingress reads it without another
 * request. Repeating an interrupted change completes it.
 */
export async function updateTenant(
  ports: ManageTenantPorts,
  name: string,
  change: TenantChange,
): Promise<TenantUpdate> {
  const bounds = { eventsDays: ports.retentionDays, rawDays: ports.rawRetentionDays };
  for (const setting of ['eventsDays', 'rawDays'] as const) {
    const days = change[setting] ?? 1;
    if (!Number.isInteger(days) || days < 1 || days > bounds[setting])
      return { kind: 'out-of-range', setting, least: 1, most: bounds[setting] };
  }
  const refusal = await refusalOf(ports, change.shadowUrl);
  if (refusal !== undefined) return { kind: 'url-refused', reason: refusal };
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await getTenant(ports, name);
    if (isErasing(before)) return { kind: 'tenant-erasing' };
    const delivery = changedDelivery(before.delivery, change);
    if (delivery?.mode === 'shadow' && delivery.shadowUrl === undefined) return { kind: 'no-shadow-url' };
    const changed = { ...before, retention: changedRetention(before.retention, change), delivery };
    if (!(await ports.tenants.replace(changed))) continue;
    const tenant = { ...changed, revision: before.revision + 1 };
    if (change.rawDays !== undefined) await tellAccounts(ports, tenant);
    return { kind: 'updated', tenant };
  }
  throw new EngineError('contended', 'the tenant is being changed', { retryable: true });
}

function changedRetention(before: TenantRetention, { eventsDays, rawDays }: TenantChange): TenantRetention {
  return {
    eventsDays: eventsDays === undefined ? before.eventsDays : (eventsDays ?? undefined),
    rawDays: rawDays === undefined ? before.rawDays : (rawDays ?? undefined),
  };
}

async function refusalOf({ egress }: ManageTenantPorts, url: string | null | undefined): Promise<string | undefined> {
  if (url === null || url === undefined) return undefined;
  return (await egress.refusalOf(url)) ?? (new URL(url).port === '0' ? 'its port must not be 0' : undefined);
}

function changedDelivery(
  before: TenantDelivery | undefined,
  { delivery, shadowUrl }: TenantChange,
): TenantDelivery | undefined {
  if (delivery === undefined && shadowUrl === undefined) return before;
  // Stored as it will be called.
  const url = shadowUrl === undefined ? before?.shadowUrl : shadowUrl === null ? undefined : new URL(shadowUrl).href;
  return { mode: delivery ?? before?.mode ?? 'both', ...(url === undefined ? {} : { shadowUrl: url }) };
}

async function tellAccounts(ports: ManageTenantPorts, { tenant, retention }: Tenant): Promise<void> {
  let after: string | undefined;
  do {
    const page = await ports.accounts.list(tenant, pageSize, after);
    for (const { id } of page.items) await tellAccount(ports, id, retention.rawDays);
    after = page.next;
  } while (after !== undefined);
}

/** Copy the retention of the raw archive to an account. */
export async function tellAccount(
  ports: Pick<ManageTenantPorts, 'accounts'>,
  id: string,
  rawDays: number | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const account = await ports.accounts.find(id);
    if (account === undefined || account.closed === true || account.rawRetentionDays === rawDays) return;
    const { rawRetentionDays: _, ...rest } = account;
    if (await ports.accounts.replace({ ...rest, ...(rawDays === undefined ? {} : { rawRetentionDays: rawDays }) }))
      return;
  }
  throw new EngineError('contended', 'the account is being changed', { retryable: true });
}
