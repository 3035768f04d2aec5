import type { MetricsApart } from '../invocation/telemetry.ts';

/** What a run left of the limits of its provider, by integration; undefined where it made no call. */
export function budgetOf(integration: string | undefined, leftPercent: number | undefined): MetricsApart | undefined {
  if (integration === undefined || leftPercent === undefined) return undefined;
  return { values: { 'budget-left': leftPercent }, dimensions: { integration }, by: [['integration']] };
}
