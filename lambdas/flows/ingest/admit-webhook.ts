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

/** How many webhooks an account, and all accounts of a tenant together, may bring; and what this instance knows of it. */
export interface WebhookAdmission {
  readonly perAccount: Rate;
  readonly perTenant: Rate;
  /** By bucket, the one that was used longest ago first. */
  readonly allowances: Map<string, LocalAllowance>;
}

export type Admitted =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'limited'; readonly by: 'account' | 'tenant'; readonly retryAfterMs: number };

/** An instance forgets the buckets beyond so many: those whose next call is let through by itself again. */
const maxAllowances = 5_000;
/** How long a provider waits for the shared bucket: no webhook is refused because it cannot be asked. */
const maxWaitMs = 500;

interface Bucket {
  readonly by: 'account' | 'tenant';
  readonly name: string;
  readonly rate: Rate;
}

/** Who brings a webhook. */
interface Bringer {
  readonly id: string;
  readonly tenant: string;
}

/** Whether this instance knows that a webhook would be refused, so that its verification can be saved. Asks nothing. */
export function isRefusedAlready({ admission, clock }: AdmitPorts, bringer: Bringer): Admitted {
  const nowMs = clock.nowMs();
  for (const { by, name } of bucketsOf(admission, bringer)) {
    const retryAfterMs = refusedForMs(admission.allowances.get(name) ?? newAllowance, nowMs);
    if (retryAfterMs > 0) return { kind: 'limited', by, retryAfterMs };
  }
  return { kind: 'admitted' };
}

/**
 * Count a verified webhook against what its account and its tenant may bring.
 *
 * Where the shared buckets cannot be read it passes: they protect the engine from a loop, and no webhook is worth
 * less than that.
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

/** @returns 0 where the call may go on. */
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
  // Requests of one instance may run at once where it is not Lambda's.
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
