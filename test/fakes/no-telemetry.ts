import type { Telemetry } from '../../lambdas/functions/invocation/telemetry.ts';

/** What a handler tells and measures goes nowhere. */
export const noTelemetry: Pick<Telemetry, 'tell' | 'warn' | 'measure'> = {
  tell: () => {},
  warn: () => {},
  measure: () => {},
};
