import {
  granted,
  type LocalAllowance,
  newAllowance,
  type Rate,
  refused,
  refusedForMs,
  spend,
  unasked,
} from '../../engine/reception/local-allowance.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { CallLimits } from '../../ports/tenants/call-limits.ts';

export interface AdmitPorts {
  readonly callLimits: CallLimits;
  readonly admission: WebhookAdmission;
  readonly clock: Clock;
  readonly pause: Pause;
}

/**
 * The webhook rate limits of an account and of all accounts of a tenant together, with this instance's allowances.
 */
export interface WebhookAdmission {
  readonly perAccount: Rate;
  readonly perTenant: Rate;
  /** By bucket, the least recently used first. */
  readonly allowances: Map<string, LocalAllowance>;
}

export type Admitted =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'limited'; readonly by: 'account' | 'tenant'; readonly retryAfterMs: number };

/** Buckets that an instance remembers. The next call of a forgotten bucket passes without asking the shared bucket. */
const maxAllowances = 5_000;
/** How long a request waits for the shared bucket: no webhook is rejected because the bucket is unavailable. */
const maxWaitMs = 500;

interface Bucket {
  readonly by: 'account' | 'tenant';
  readonly name: string;
  readonly rate: Rate;
}

/** The account that a webhook belongs to. */
interface Bringer {
  readonly id: string;
  readonly tenant: string;
}

/** Whether this instance already knows that a webhook would be rejected, which saves its verification. No request. */
export function isRefusedAlready({ admission, clock }: AdmitPorts, bringer: Bringer): Admitted {
  const nowMs = clock.nowMs();
  for (const { by, name } of bucketsOf(admission, bringer)) {
    const retryAfterMs = refusedForMs(admission.allowances.get(name) ?? newAllowance, nowMs);
    if (retryAfterMs > 0) return { kind: 'limited', by, retryAfterMs };
  }
  return { kind: 'admitted' };
}

/**
 * Count a verified webhook against the limits of its account and its tenant.
 *
 * The webhook passes when the shared buckets are unavailable: they protect the engine from loops, and no webhook should
 * be lost for that.
 */
export async function admitWebhook(
  ports: AdmitPorts,
  bringer: Bringer,
  warn: (error: unknown) => void,
): Promise<Admitted> {
  for (const { by, name, rate } of bucketsOf(ports.admission, bringer)) {
    const retryAfterMs = await spendFrom(ports, name, rate, warn);
    if (retryAfterMs > 0) return { kind: 'limited', by, retryAfterMs };
  }
  return { kind: 'admitted' };
}

function bucketsOf({ perAccount, perTenant }: WebhookAdmission, { id, tenant }: Bringer): readonly Bucket[] {
  return [
    { by: 'account', name: `ingress-account#${id}`, rate: perAccount },
    { by: 'tenant', name: `ingress-tenant#${tenant}`, rate: perTenant },
  ];
}

/** @returns Milliseconds until a retry may pass; 0 when this call passes. */
async function spendFrom(
  { admission: { allowances }, callLimits, clock, pause }: AdmitPorts,
  name: string,
  rate: Rate,
  warn: (error: unknown) => void,
): Promise<number> {
  const spending = spend(rate, allowances.get(name) ?? newAllowance, clock.nowMs());
  remember(allowances, name, spending.allowance);
  if (spending.kind === 'admitted') return 0;
  if (spending.kind === 'limited') return spending.retryAfterMs;
  const { block } = spending;
  const asking = callLimits.take({ bucket: name, ...rate, cost: block }).catch((error: unknown) => ({
    kind: 'failed' as const,
    error,
  }));
  const answer = await Promise.race([
    asking,
    pause(maxWaitMs).then(() => ({ kind: 'failed' as const, error: `no answer within ${maxWaitMs} ms` })),
  ]);
  // Read the allowance again: outside Lambda, an instance may handle requests concurrently.
  const current = allowances.get(name) ?? spending.allowance;
  const nowMs = clock.nowMs();
  if (answer.kind === 'failed') {
    warn(answer.error);
    remember(allowances, name, unasked(current, nowMs));
    return 0;
  }
  if (answer.kind === 'limited') {
    remember(allowances, name, refused(current, answer.retryAfterMs, nowMs));
    return answer.retryAfterMs;
  }
  remember(allowances, name, granted(current, block));
  return 0;
}

function remember(allowances: Map<string, LocalAllowance>, name: string, allowance: LocalAllowance): void {
  allowances.delete(name);
  allowances.set(name, allowance);
  for (const oldest of allowances.keys()) {
    if (allowances.size <= maxAllowances) break;
    allowances.delete(oldest);
  }
}
