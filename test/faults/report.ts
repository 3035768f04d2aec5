import type { RunResult } from './sweep.ts';

/** Printed violations per run; the others usually follow from them. */
const maxPrinted = 3;

/** A short report of a run with violations or without its call; undefined for a run without either. */
export function describeResult({ name, isStruck, violations }: RunResult): string | undefined {
  if (violations.length === 0) return isStruck ? undefined : `${name}: the call was not made`;
  const printed = violations.slice(0, maxPrinted).map((violation) => `\n  ${violation}`);
  const more = violations.length > maxPrinted ? `\n  and ${violations.length - maxPrinted} more` : '';
  return `VIOLATION ${name}${printed.join('')}${more}`;
}

export function summarize(results: readonly RunResult[]): { readonly violated: number; readonly notStruck: number } {
  const violated = results.filter(({ violations }) => violations.length > 0).length;
  const notStruck = results.filter(({ violations, isStruck }) => violations.length === 0 && !isStruck).length;
  return { violated, notStruck };
}
