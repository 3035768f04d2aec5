import type { CallAdmission, CallLimit, CallLimits, CallQuota } from '../../ports/tenants/call-limits.ts';
import type { Principal } from './identify-caller.ts';

/** Rate limits of a key, and of all keys of a tenant together. */
export interface CallPolicy {
  readonly perKey: CallQuota;
  readonly perTenant: CallQuota;
}

/** A limit and its state after this call. */
export interface LimitStanding {
  readonly name: 'key' | 'tenant';
  readonly limit: CallLimit;
  readonly admission: CallAdmission;
}

/**
 * Count a call against the rate limits of its key and its tenant.
 *
 * If the limits cannot be read, the call proceeds: they protect the engine from a looping caller, so their outage must
 * not block every call.
 */
export async function limitCall(
  ports: { readonly limits: CallLimits; readonly callPolicy: CallPolicy },
  { keyId, tenant, ratePerMinute }: Principal,
  warn: (error: unknown) => void,
): Promise<readonly LimitStanding[]> {
  const { perKey, perTenant } = ports.callPolicy;
  const own = ratePerMinute === undefined ? perKey : { calls: ratePerMinute, windowMs: 60_000 };
  const limits: readonly Omit<LimitStanding, 'admission'>[] = [
    { name: 'key', limit: { ...own, bucket: `key#${keyId}` } },
    ...(tenant === null ? [] : [{ name: 'tenant' as const, limit: { ...perTenant, bucket: `tenant#${tenant}` } }]),
  ];
  try {
    return await Promise.all(
      limits.map(async ({ name, limit }) => ({ name, limit, admission: await ports.limits.take(limit) })),
    );
  } catch (error) {
    warn(error);
    return [];
  }
}
