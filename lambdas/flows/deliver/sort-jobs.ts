import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import type { ByteBudget } from '../concurrency/byte-budget.ts';
import { isForGood, tryToEvent } from '../feed/read-event.ts';
import { judge } from './attempt/judge-events.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import type { DeliveryOutcome, ReadyJob } from './decide-job.ts';
import type { DeliverPorts } from './deliver-ports.ts';

/** Time for a subscription's filter in one run; its drain, which serves it alone, judges the rest. */
const judgeMs = 2_000;

/** Data read ahead for a filter, which judges one event at a time. */
const readAheadBytes = 2 * 1024 * 1024;

/** Data of judged events that a run keeps until they are posted; events beyond that are read again. */
const keptBytes = 4 * 1024 * 1024;

/** State shared by all endpoints of a run. */
export interface DeliverRun {
  readonly ports: DeliverPorts;
  readonly startedAtMs: number;
  readonly memory: ByteBudget;
  /** Size of the judged events kept until they are posted. */
  readonly kept: { bytes: number };
}

/** Jobs of one endpoint that need an attempt. */
export interface SortedJobs {
  readonly wanted: readonly ReadyJob[];
  /** The wanted jobs on which the filter has not decided. */
  readonly unjudged: ReadonlySet<ReadyJob>;
  /** The wanted jobs that may be posted now. */
  readonly posting: readonly PostingJob[];
}

export interface PostingJob {
  readonly job: ReadyJob;
  /** Its event, when the filter has judged it and there is room to keep it. */
  readonly judged: CanonicalEvent | undefined;
}

/**
 * Judge the events with the subscription's filter, one after the other. Once the filter was stopped, or has used up its
 * time, the remaining jobs are parked unjudged and the drain continues. An open circuit means that nothing is judged
 * here. Without a filter, events are read when they are posted.
 */
export async function sortJobs(
  run: DeliverRun,
  prepared: PreparedSubscription,
  known: EndpointState,
  group: readonly ReadyJob[],
  mayPost: boolean,
  found: { readonly outcomes: Map<ReadyJob, DeliveryOutcome>; readonly attempts: Map<ReadyJob, CallbackOutcome> },
): Promise<SortedJobs> {
  const { ports, memory, kept } = run;
  const jobs = group.filter(({ left }) => left === 'all');
  const { filter } = prepared.subscription.shaping;
  if (filter === undefined) {
    const posting = mayPost ? jobs.map((job) => ({ job, judged: undefined })) : [];
    return { wanted: jobs, unjudged: new Set(), posting };
  }
  const untilMs = ports.clock.nowMs() + judgeMs;
  const wanted: ReadyJob[] = [];
  const unjudged = new Set<ReadyJob>();
  const posting: PostingJob[] = [];
  let isAsked = known.circuit === 'closed';

  async function judgeJob(job: ReadyJob, event: CanonicalEvent): Promise<void> {
    const judgement = await judge(ports, prepared, event);
    if (judgement.kind === 'unwanted') found.outcomes.set(job, { kind: 'filtered', reason: 'filter' });
    if (judgement.kind === 'failed') found.attempts.set(job, judgement.failure);
    if (judgement.kind === 'died') unjudged.add(job);
    if (judgement.kind === 'died' || ports.clock.nowMs() >= untilMs) isAsked = false;
    if (judgement.kind !== 'wanted' || !mayPost) return;
    const isKept = kept.bytes + job.row.dataBytes <= keptBytes;
    if (isKept) kept.bytes += job.row.dataBytes;
    posting.push({ job, judged: isKept ? event : undefined });
  }

  for (const some of chunksOf(jobs, readAheadBytes)) {
    const bytes = some.reduce((sum, { row }) => sum + row.dataBytes, 0);
    await memory.hold(bytes, async () => {
      const events = isAsked ? await Promise.allSettled(some.map(({ row }) => tryToEvent(ports, row, isForGood))) : [];
      for (const [index, job] of some.entries()) {
        const read = events[index];
        // Nothing is posted yet: if a later read may succeed, only this message is redelivered.
        const event = read?.status === 'fulfilled' ? read.value : undefined;
        if (read?.status === 'rejected') found.outcomes.set(job, { kind: 'failed', error: read.reason });
        else if (event !== undefined && 'kind' in event) found.attempts.set(job, event);
        else if (event === undefined || !isAsked) unjudged.add(job);
        else
          await judgeJob(job, event).catch((error: unknown) => {
            found.outcomes.set(job, { kind: 'failed', error });
          });
        if (!found.outcomes.has(job) && !found.attempts.has(job)) wanted.push(job);
      }
    });
  }
  return { wanted, unjudged, posting };
}

/** Split jobs, in order, into chunks of at most `maxBytes` of data; a larger job is a chunk alone. */
function chunksOf(jobs: readonly ReadyJob[], maxBytes: number): readonly (readonly ReadyJob[])[] {
  const chunks: ReadyJob[][] = [];
  let leftBytes = 0;
  for (const job of jobs) {
    leftBytes -= job.row.dataBytes;
    const last = chunks.at(-1);
    if (last !== undefined && leftBytes >= 0) last.push(job);
    else {
      chunks.push([job]);
      leftBytes = maxBytes - job.row.dataBytes;
    }
  }
  return chunks;
}
