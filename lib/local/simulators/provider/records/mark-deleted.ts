import type { RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import type { Bindings } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { readRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import { pathsIn, textsIn } from '../expressions/expression-place.ts';
import { searchMembers } from '../expressions/search-members.ts';

/** Mark a record as deleted, as the resource reads it, for listings that report deletions. */
export async function markDeleted(raw: unknown, plan: RecordPlan, bindings: Bindings): Promise<unknown> {
  if (plan.deleted === undefined) return raw;
  const found = await searchMembers({
    base: raw,
    paths: pathsIn(plan.deleted),
    pool: [true, false, ...textsIn(plan.deleted), '2026-01-01T00:00:00Z', {}],
    isRight: async (candidate) => {
      const read = await readRecord(plan, candidate, bindings);
      return 'isAbsent' in read && read.isDeleted === true;
    },
  });
  return found ?? raw;
}
