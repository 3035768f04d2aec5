import type { RunningWork, RunningWorkLog } from '../../lambdas/ports/runtime/running-work.ts';
import { type Dumpable, dumpOf } from './dump.ts';

export function createInMemoryRunningWork(): RunningWorkLog & Dumpable {
  const rows = new Map<string, { readonly work: RunningWork; readonly byMs: number }>();
  const keyOf = (work: RunningWork) => Object.values(work).join(' ');
  return {
    dump: () => dumpOf(rows),
    async expect(work, byMs) {
      rows.set(keyOf(work), { work: { ...work }, byMs });
    },
    async remove(work) {
      rows.delete(keyOf(work));
    },
    async listSilent(nowMs, limit) {
      return [...rows.values()].flatMap(({ work, byMs }) => (byMs <= nowMs ? work : [])).slice(0, limit);
    },
  };
}
