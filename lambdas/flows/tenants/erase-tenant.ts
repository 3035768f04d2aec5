import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { GovernanceMessage } from '../../contracts/messages.ts';
import { type ErasureCertificate, keptOf } from '../../engine/governance/erasure-certificate.ts';
import type { GovernanceQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { RunningWorkLog } from '../../ports/runtime/running-work.ts';
import type { Erasure, ErasurePlan, ErasureProgress, Tenant, TenantStore } from '../../ports/tenants/tenant-store.ts';
import { silentAfterMs } from '../deliver/restart-silent.ts';
import { type ErasurePhase, erasurePhases } from './erasure-phases.ts';
import type { ErasurePorts } from './erasure-ports.ts';
import { getTenant } from './manage-tenant.ts';

export interface StartErasurePorts {
  readonly tenants: TenantStore;
  readonly governanceQueue: GovernanceQueue;
  readonly runningWork: Pick<RunningWorkLog, 'expect'>;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

export interface EraseTenantPorts extends ErasurePorts {
  readonly tenants: TenantStore;
  readonly governanceQueue: GovernanceQueue;
  readonly runningWork: Pick<RunningWorkLog, 'expect' | 'remove'>;
  readonly clock: Clock;
  /** Days that the deployment keeps events; then, days that it keeps the raw archive. */
  readonly retentionDays: number;
  readonly rawRetentionDays: number;
  readonly auditRetentionDays: number;
}

/** The result of one run. */
export type ErasureRun =
  /** All data is removed, and the certificate is stored. */
  | { readonly kind: 'done'; readonly certificate: ErasureCertificate }
  /** Work is left, and a message continues it. */
  | { readonly kind: 'continued'; readonly pass: number; readonly phase: string }
  /** No such erasure is running. */
  | { readonly kind: 'ended' };

/** Time limit of one run; the next run does the rest. */
const runMs = 20_000;
/** Certificates stored with their tenant. */
const maxCertificates = 20;
const maxAttempts = 5;

/**
 * Wait between two passes, after which no run that started before can still write for the tenant: a publishing run may
 * rely on a cached policy, and then last as long as the longest of the writing functions.
 */
export const quietMs =
  limits.tenantPolicyMaxAgeMs +
  Math.max(
    limits.sequenceHoleLifetimeMs,
    1000 *
      Math.max(
        limits.drainTimeoutSeconds,
        limits.apiTimeoutSeconds,
        limits.enrichTimeoutSeconds,
        limits.pollTimeoutSeconds,
      ),
  ) +
  10_000;

/**
 * Start removing all data of a tenant. Until the erasure is done, nothing new is accepted for the tenant.
 *
 * A repeated call returns the same erasure and sends its message again. That completes a call that was interrupted
 * before it sent the message.
 */
export async function startErasure(ports: StartErasurePorts, tenant: string, requestedBy: string): Promise<Erasure> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await getTenant(ports, tenant);
    const nowMs = ports.clock.nowMs();
    const running = before.erasure?.state === 'running' ? before.erasure : undefined;
    const erasure: Erasure = running ?? {
      id: `ers_${nowMs.toString(36).padStart(9, '0')}${ports.randomness.bytes(6).toString('hex')}`,
      state: 'running',
      requestedBy,
      startedAt: new Date(nowMs).toISOString(),
      progress: beginPass(1, {}),
    };
    // Register it before it begins: if this call dies before it sends the message, dispatch starts the erasure.
    await ports.runningWork.expect({ kind: 'erasure', tenant, erasure: erasure.id }, nowMs + silentAfterMs);
    if (running === undefined && !(await ports.tenants.replace({ ...before, erasure }))) continue;
    await ports.governanceQueue.send({ kind: 'erase', tenant, erasure: erasure.id }, 0);
    return erasure;
  }
  throw new EngineError('contended', 'the tenant is being changed', { retryable: true });
}

function beginPass(
  pass: number,
  removed: ErasureProgress['removed'],
  resumesAtMs?: number,
): ErasureProgress & { readonly phase: string } {
  const [{ name }] = erasurePhases as readonly [ErasurePhase];
  return { pass, phase: name, found: 0, removed, ...(resumesAtMs === undefined ? {} : { resumesAtMs }) };
}

/**
 * Continue an erasure: find a page of the remaining data, store its plan, remove it, and repeat.
 *
 * The plan of a page is stored with the tenant before the page is removed, in the same write that records the removal
 * of the page before:
 *
 *   find page 7 -> store "6 is gone, 7 is being removed" -> remove page 7 -> find page 8 -> ...
 *
 * After a crash at any point, the page is removed again and counted once. Two concurrent runs do the same work; the run
 * that loses a write continues from the other's progress.
 *
 * Passes over all stores repeat, with a wait between them, until a pass finds nothing: functions that were running when
 * the tenant was closed may still write. Accounts go last: the other rows are found through them.
 */
export async function continueErasure(
  ports: EraseTenantPorts,
  { tenant, erasure: id }: GovernanceMessage,
): Promise<ErasureRun> {
  const untilMs = ports.clock.nowMs() + runMs;
  let run = readRun(await ports.tenants.find(tenant), id);
  while (run !== undefined) {
    const { row, progress } = run;
    const waitMs = (progress.resumesAtMs ?? 0) - ports.clock.nowMs();
    if (waitMs > 0 || ports.clock.nowMs() >= untilMs) return goOnLater(ports, run, Math.max(0, waitMs));
    const step = await takeStep(ports, tenant, progress, untilMs);
    const erasure: Erasure =
      step.kind === 'more' ? { ...run.erasure, progress: step.progress } : finished(run.erasure, ports.clock);
    const certificate = step.kind === 'finished' ? certificateOf(ports, tenant, erasure, progress) : undefined;
    // The accounts are buried by now. After a crash before this write, another pass finds nothing.
    const isWritten = await ports.tenants.replace({
      ...row,
      erasure,
      ...(certificate === undefined
        ? {}
        : {
            retention: {},
            delivery: undefined,
            certificates: [certificate, ...row.certificates].slice(0, maxCertificates),
          }),
    });
    if (isWritten && certificate !== undefined) {
      await ports.runningWork.remove({ kind: 'erasure', tenant, erasure: id });
      return { kind: 'done', certificate };
    }
    run = isWritten
      ? readRun({ ...row, erasure, revision: row.revision + 1 }, id)
      : readRun(await ports.tenants.find(tenant), id);
  }
  return { kind: 'ended' };
}

interface Run {
  readonly row: Tenant;
  readonly erasure: Erasure;
  readonly progress: ErasureProgress;
}

function readRun(row: Tenant | undefined, id: string): Run | undefined {
  const erasure = row?.erasure;
  if (row === undefined || erasure?.id !== id || erasure.state === 'done') return undefined;
  return { row, erasure, progress: erasure.progress ?? beginPass(1, {}) };
}

async function goOnLater(
  ports: EraseTenantPorts,
  { row, erasure, progress }: Run,
  delayMs: number,
): Promise<ErasureRun> {
  const work = { kind: 'erasure', tenant: row.tenant, erasure: erasure.id } as const;
  await ports.runningWork.expect(work, ports.clock.nowMs() + delayMs + silentAfterMs);
  await ports.governanceQueue.send({ kind: 'erase', tenant: row.tenant, erasure: erasure.id }, delayMs);
  return { kind: 'continued', pass: progress.pass, phase: progress.phase };
}

type Step = { readonly kind: 'more'; readonly progress: ErasureProgress } | { readonly kind: 'finished' };

/** Remove the planned page, and find the next. If that takes too long, keep the position and end the run. */
async function takeStep(
  ports: EraseTenantPorts,
  tenant: string,
  progress: ErasureProgress,
  untilMs: number,
): Promise<Step> {
  const at = erasurePhases.findIndex(({ name }) => name === progress.phase);
  // A newer deployment has removed the phase: begin again with the first.
  if (at === -1) return { kind: 'more', progress: beginPass(progress.pass, progress.removed) };
  const planned = progress.plan;
  if (planned !== undefined) await erasurePhases[at]?.remove(ports, tenant, planned.items);
  const done: ErasureProgress = planned === undefined ? progress : { ...progress, ...afterPlan(progress, planned) };
  const isPhaseOver = planned !== undefined && planned.next === undefined && planned.isCut !== true;
  for (let index = isPhaseOver ? at + 1 : at; index < erasurePhases.length; index += 1) {
    const phase = erasurePhases[index] as ErasurePhase;
    let position = index === at && !isPhaseOver ? done.position : undefined;
    do {
      const plan = boundPlan(await phase.find(ports, tenant, position));
      if (plan.items.length > 0)
        return { kind: 'more', progress: { ...done, phase: phase.name, position, plan, resumesAtMs: undefined } };
      position = plan.next;
      if (position !== undefined && ports.clock.nowMs() >= untilMs)
        return { kind: 'more', progress: { ...done, phase: phase.name, position, resumesAtMs: undefined } };
    } while (position !== undefined);
  }
  // The first pass is never the last: a running function may still write after it.
  if (done.found > 0 || done.pass === 1)
    return { kind: 'more', progress: beginPass(done.pass + 1, done.removed, ports.clock.nowMs() + quietMs) };
  await buryAccounts(ports, tenant);
  return { kind: 'finished' };
}

/**
 * Bytes of the items in a plan. The plan is part of its tenant's row, and DynamoDB limits a row to 400 KB.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items
 */
const maxPlanBytes = 200_000;

/** The items of a plan that fit, at least one. Once they are removed, the same position finds the rest. */
function boundPlan(plan: ErasurePlan): ErasurePlan {
  let bytes = 0;
  const isBeyond = plan.items.findIndex((item, index) => {
    bytes += Buffer.byteLength(JSON.stringify(item));
    return index > 0 && bytes > maxPlanBytes;
  });
  return isBeyond === -1 ? plan : { items: plan.items.slice(0, isBeyond), isCut: true };
}

function afterPlan(progress: ErasureProgress, { items, next, isCut }: ErasurePlan): Partial<ErasureProgress> {
  const removed: Record<string, number> = { ...progress.removed };
  for (const { kind } of items) removed[kind] = (removed[kind] ?? 0) + 1;
  return {
    removed,
    found: progress.found + items.length,
    position: isCut === true ? progress.position : next,
    plan: undefined,
  };
}

const pageSize = 100;

async function buryAccounts({ accounts }: EraseTenantPorts, tenant: string): Promise<void> {
  let after: string | undefined;
  do {
    const page = await accounts.list(tenant, pageSize, after);
    await Promise.all(page.items.map(({ id }) => accounts.bury(tenant, id)));
    after = page.next;
  } while (after !== undefined);
}

function finished(running: Erasure, clock: Clock): Erasure {
  const { progress: _, ...erasure } = running;
  return { ...erasure, state: 'done', finishedAt: new Date(clock.nowMs()).toISOString() };
}

function certificateOf(
  ports: EraseTenantPorts,
  tenant: string,
  { id, requestedBy, startedAt, finishedAt = startedAt }: Erasure,
  { removed, pass }: ErasureProgress,
): ErasureCertificate {
  const kept = keptOf({ ...ports, finishedAtMs: Date.parse(finishedAt) });
  return { id, tenant, requestedBy, startedAt, finishedAt, removed, kept, passes: pass };
}
