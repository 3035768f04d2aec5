import { readSource, type TemplateInput, toSource } from '../template/template.ts';
import type { Check } from './check-kind.ts';
import { kindOf } from './check-kinds.ts';
import { type ConditionSpec, checkIn, type VerifySpec } from './check-tree.ts';
import type { Verdict } from './verdict.ts';

/** Most items per request; a request with more is rejected, because each item costs a MAC. */
const maxItems = 1000;

/** Prepare a tree of checks: do all work that needs no request once. */
export function prepareChecks(node: VerifySpec): Check {
  const check = checkIn(node);
  if (check !== undefined) return kindOf(check.name).prepare(check.spec);
  if (node.all !== undefined) return prepareAll(node.all);
  if (node.any !== undefined) return prepareAny(node.any);
  if (node.cases !== undefined) return prepareCases(node.cases);
  if (node.each !== undefined) return prepareEach(node.each);
  throw new TypeError('a node of the verify tree has no check');
}

function prepareAll(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareChecks);
  return (input, context) => {
    let undecided: Verdict | undefined;
    for (const check of checks) {
      const verdict = check(input, context);
      if (verdict.kind === 'rejected') return verdict;
      // Fetch a key only for a request that passes all checks that do not need the key.
      if (verdict.kind === 'key-needed') undecided ??= verdict;
    }
    return undecided ?? { kind: 'verified' };
  };
}

function prepareAny(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareChecks);
  return (input, context) => {
    const verdicts: Verdict[] = [];
    for (const check of checks) {
      const verdict = check(input, context);
      if (verdict.kind === 'verified') return verdict;
      verdicts.push(verdict);
    }
    return (
      verdicts.find(({ kind }) => kind === 'key-needed') ??
      verdicts[0] ?? { kind: 'rejected', reason: 'signature-mismatch' }
    );
  };
}

function prepareCases(cases: NonNullable<VerifySpec['cases']>): Check {
  const prepared = cases.map(({ when, verify }) => ({
    matches: when === undefined ? () => true : prepareCondition(when),
    check: prepareChecks(verify),
  }));
  return (input, context) =>
    prepared.find(({ matches }) => matches(input))?.check(input, context) ?? {
      kind: 'rejected',
      reason: 'no-known-signature-version',
    };
}

function prepareEach({ items, verify }: NonNullable<VerifySpec['each']>): Check {
  const from = toSource(items);
  const check = prepareChecks(verify);
  return (input, context) => {
    const list = readSource(from, input);
    if (!Array.isArray(list) || list.length === 0 || list.length > maxItems)
      return { kind: 'rejected', reason: 'items-missing', detail: items };
    let undecided: Verdict | undefined;
    for (const item of list as unknown[]) {
      const verdict = check({ ...input, item }, context);
      if (verdict.kind === 'rejected') return verdict;
      if (verdict.kind === 'key-needed') undecided ??= verdict;
    }
    return undecided ?? { kind: 'verified' };
  };
}

/** Prepare a condition: every source has one of its expected values, or is present or absent as expected. */
export function prepareCondition(condition: ConditionSpec): (input: TemplateInput) => boolean {
  const terms = Object.entries(condition).map(([name, expected]) => {
    const from = toSource(name);
    if (typeof expected === 'object' && 'present' in expected)
      return (input: TemplateInput) => isPresent(readSource(from, input)) === expected.present;
    const values = (Array.isArray(expected) ? expected : [expected]).map(String);
    return (input: TemplateInput) => {
      const value = readSource(from, input);
      const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      return isScalar && values.includes(String(value));
    };
  });
  return (input) => terms.every((holds) => holds(input));
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}
