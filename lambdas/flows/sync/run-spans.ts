import type { SyncState } from '../../engine/sync/sync-state.ts';
import type { Span } from '../../engine/trace/span.ts';
import { requestSpan, runSpan, traceOfRun } from '../../engine/trace/trace-ids.ts';
import type { RunWork } from './part-work.ts';

type Run = NonNullable<SyncState['current']>;

/** The span of this invocation's work on a run: the root of the run's trace where the run began in it. */
export function spanOfRun(
  { startedAtMs }: Pick<RunWork, 'startedAtMs'>,
  run: Pick<Run, 'id' | 'startedAtMs'>,
): Pick<Span, 'traceId' | 'spanId' | 'parentSpanId'> {
  const traceId = traceOfRun(run.id);
  const root = requestSpan(traceId);
  return run.startedAtMs >= startedAtMs
    ? { traceId, spanId: root }
    : { traceId, spanId: runSpan(traceId, startedAtMs), parentSpanId: root };
}

/** @param fault - Why the run cannot go on now; quotes no value of the provider. */
export function recordRun(work: RunWork, run: Run, begunAtMs: number, fault: string | undefined): void {
  const { ports, hold, caller } = work;
  ports.spans?.record({
    ...spanOfRun(work, run),
    name: 'sync',
    kind: 'internal',
    startedAtMs: begunAtMs,
    endedAtMs: ports.clock.nowMs(),
    attributes: {
      'tributary.integration': caller.account.integration,
      'tributary.account': caller.account.id,
      'tributary.tenant': caller.account.tenant,
      'tributary.sync': hold.row.sync,
      'tributary.run': run.id,
      'tributary.mode': run.mode,
    },
    ...(fault === undefined ? {} : { fault }),
  });
}
