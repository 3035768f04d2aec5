import type { PollOutcome } from '../../contracts/outcomes.ts';
import { callOf } from '../../engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import { durationMs } from '../../engine/provider/request/call-transforms.ts';
import { fingerprintOf } from '../../engine/records/fingerprint.ts';
import type { RecordState } from '../../engine/records/record-state.ts';
import type { DriftCause } from '../../engine/sync/sync-state.ts';
import { fanOutOf } from '../publish/fan-out-of.ts';
import type { Candidate, Publication } from '../publish/publication.ts';
import { publishEvents } from '../publish/publish-events.ts';
import { type Advance, currentOf, type RunWork } from './part-work.ts';
import type { FoundOutcomes } from './sync-ports.ts';
import { type FoundRecord, type FoundSource, toCandidate } from './to-candidate.ts';

/** Pause after events could not be published. */
const retryMs = 5_000;

/** Publish what was read of records. @returns Undefined where all of it is published. */
export async function publishFound(
  work: RunWork,
  resource: string,
  found: readonly FoundRecord[],
  source: FoundSource,
): Promise<Extract<Advance, { kind: 'stop' }> | undefined> {
  const { ports } = work;
  const candidates = found.map((one) => toCandidate(work, resource, one, source));
  const causes =
    currentOf(work).mode === 'reconcile' && !source.isFirst ? await causesOf(work, resource, candidates) : undefined;
  const publications = await publishEvents(ports, candidates);
  ports.onFound?.(outcomesOf(publications));
  for (const [place, publication] of publications.entries()) countOne(work, publication, causes?.[place]);
  const isFailed = publications.some(({ kind }) => kind === 'failed');
  if (!isFailed) return undefined;
  const untilMs = ports.clock.nowMs() + retryMs;
  return { kind: 'stop', stop: { kind: 'backing-off', reason: 'events could not be published', untilMs } };
}

function outcomesOf(publications: readonly Publication[]): FoundOutcomes {
  const sums = new Map<PollOutcome, number>();
  const add = (name: PollOutcome, amount: number) => sums.set(name, (sums.get(name) ?? 0) + amount);
  for (const publication of publications) {
    if (publication.kind === 'failed') continue;
    add(publication.kind, 1);
    if (publication.kind === 'published') add(...fanOutOf(publication));
  }
  return Object.fromEntries(sums);
}

function countOne({ tally }: RunWork, publication: Publication, cause: DriftCause | undefined): void {
  if (publication.kind !== 'published') {
    if (publication.kind !== 'failed') tally.add({ unchanged: 1 });
    return;
  }
  const name = publication.type.slice('record:'.length);
  if (name === 'created' || name === 'updated' || name === 'deleted') tally.add({ [name]: 1 });
  if (cause !== undefined) tally.add({ drift: { [cause]: 1 } });
}

/** Why reconciliation found what the other ways had not told, should it turn out to be a change. */
async function causesOf(
  { ports, caller, job }: RunWork,
  resource: string,
  candidates: readonly Candidate[],
): Promise<readonly DriftCause[]> {
  const { account, definition } = caller;
  const traits = recordTraitsOf(definition, resource, ports.schemas.schemas.get(resource));
  const states = await ports.records.getMany(
    candidates.map(({ event }) => ({
      tenant: account.tenant,
      account: account.id,
      incarnation: account.createdAt,
      resource,
      recordId: event.record_id,
    })),
  );
  const isPolled = job.resources.some(
    (step) => step.resource === resource && definition.resources?.[resource]?.changes !== undefined,
  );
  return candidates.map(({ record, event }, place): DriftCause => {
    const state = states[place]?.state;
    if (record?.change === 'deleted') return 'silent-delete';
    const isSameVersion = state?.version !== undefined && state.version === record?.version;
    if (isSameVersion && state.fingerprint !== fingerprintOf(event.data, traits?.volatile ?? []))
      return 'mapping-changed';
    return isPolled ? 'missed-poll' : 'missed-webhook';
  });
}

export function absent(id: string): ReadRecord {
  return { id, isAbsent: true, data: { id } };
}

/** How long after it was heard of a record cannot be read yet, as the definition says (`not_before`). */
export function unreadableForMs({ caller }: RunWork, resource: string): number {
  const notBefore = callOf(caller.definition, resource, 'get')?.spec.not_before;
  return notBefore === undefined ? 0 : (durationMs(notBefore) ?? 0);
}

/** Whether a read that does not find a record proves that it is gone: some cannot be read for a while after a change. */
export function provesAbsence(work: RunWork, resource: string, { seenAtMs }: RecordState, readAtMs: number): boolean {
  return readAtMs - seenAtMs >= unreadableForMs(work, resource);
}
