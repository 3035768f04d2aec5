import { callOf } from '../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { SyncStep } from '../../../../lambdas/engine/provider/language/sync-schema.ts';
import { durationMs } from '../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { ProviderFaults } from '../../../local/simulators/provider/draw-fault.ts';
import { type FaultName, namedFaults } from '../../../local/simulators/provider/faults/named-faults.ts';

/**
 * The shortest lateness that a sync's feeds declare, in milliseconds; infinite where none goes on from a time. A
 * provider that is later than its definition says cannot be polled without loss, so no history is.
 */
export function declaredLagMs(definition: Definition, steps: readonly SyncStep[]): number {
  const ms = (text: string | undefined) => (text === undefined ? 0 : (durationMs(text) ?? 0));
  const lags = steps.flatMap(({ resource }) =>
    (['changes', 'deletions'] as const).flatMap((method) => {
      const call = callOf(definition, resource, method);
      const { kind = 'time', lag, precision } = call?.spec.cursor ?? {};
      // Times that are cut to the precision look late by it.
      return call === undefined || kind !== 'time' ? [] : [Math.max(0, ms(lag) - ms(precision))];
    }),
  );
  return Math.min(Number.POSITIVE_INFINITY, ...lags);
}

/**
 * The step to which times may be cut, in milliseconds: the precision that feeds without the records declare. A second
 * change within one step gives the same row again, and only a record that the row carries would tell the two apart.
 */
export function declaredStepMs(definition: Definition, steps: readonly SyncStep[]): number {
  const precisions = steps.flatMap(({ resource }) => {
    const spec = callOf(definition, resource, 'changes')?.spec;
    if (spec === undefined || !('thin' in spec) || !spec.thin) return [];
    const { kind = 'time', precision } = spec.cursor ?? {};
    return kind === 'time' && precision !== undefined ? [durationMs(precision) ?? 0] : [];
  });
  return Math.min(Number.POSITIVE_INFINITY, ...precisions);
}

/**
 * Numbers of the drawn faults, within what the definition declares: together, the delay of a write, the step to which
 * its time is cut, and the differences of clocks are no more than its `lag`.
 */
export function boundedFaults(
  names: readonly FaultName[],
  lagMs: number,
  stepMs: number = Number.POSITIVE_INFINITY,
): Partial<ProviderFaults> {
  const usual = namedFaults(names);
  const at = (most: number, part: number) => Math.min(most, Math.floor(lagMs * part));
  return {
    ...usual,
    lateMs: at(30_000, 0.4),
    timeStepMs: names.includes('equal-timestamps') ? Math.min(stepMs, at(60_000, 0.3)) : 0,
    rowSkewMs: at(5_000, 0.1),
    dateSkewMs: names.includes('clock-skew') ? at(5_000, 0.1) : 0,
  };
}
