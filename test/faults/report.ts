import type { RunResult } from './sweep.ts';

/** Violations of one run that are told; the others follow from them. */
const maxTold = 3;

/** The shortest account of a run that went wrong; undefined for one that went well. */
export function describeResult({ name, isStruck, violations }: RunResult): string | undefined {
  if (violations.length === 0) return isStruck ? undefined : `${name}: the call was not made`;
  const told = violations.slice(0, maxTold).map((violation) => `\n  ${violation}`);
  const more = violations.length > maxTold ? `\n  and ${violations.length - maxTold} more` : '';
  return `VIOLATION ${name}${told.join('')}${more}`;
}

export function summarize(results: readonly RunResult[]): { readonly violated: number; readonly notStruck: number } {
  const violated = results.filter(({ violations }) => violations.length > 0).length;
  const notStruck = results.filter(({ violations, isStruck }) => violations.length === 0 && !isStruck).length;
  return { violated, notStruck };
}
