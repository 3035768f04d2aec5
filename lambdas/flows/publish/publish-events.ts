import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import { publishSpan, traceOfEvent } from '../../engine/trace/trace-ids.ts';
import type { EventClaim, EventRow } from '../../ports/events/event-store.ts';
import type { RecordStates } from '../../ports/events/record-states.ts';
import type { TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import { abandon } from './abandon.ts';
import { groupRecords } from './group-records.ts';
import type { RecordCandidate } from './observe-candidate.ts';
import { distinctFacts, placeFacts } from './place-facts.ts';
import { numbersFor, placeRecords } from './place-records.ts';
import { planRecords } from './plan-records.ts';
import type { Candidate, FactPorts, Placed, Publication, PublishPorts } from './publication.ts';
import { queueDeliveries } from './queue-deliveries.ts';
import { createSequenceNumbers } from './sequence-numbers.ts';
import { orFail, type TenantRun } from './tenant-run.ts';

/**
 * Publish events: decide what each input is for its record, give each event its number in its tenant's sequence, store
 * it, and queue its deliveries.
 *
 * Any step may be the last before a crash, and the input then comes again. What its retry finds:
 *
 *   1. read the states, decide           crash: nothing
 *   2. take a block of the sequence      crash: a gap; readers wait for it while it may be filled
 *   3. write each state on condition,    crash: its own change in the state, or its own claim, without a row: it waits
 *      and its events' pointers; claim   until the earlier run is certainly dead, then takes a new number. Where a
 *      the ids of facts                  later change was written meanwhile, it is stale
 *   4. store payload, then row           crash: as after 3
 *   5. queue the deliveries              crash: the row: it queues again, with the same ids
 *
 * A change or an id that another owner has is no event: that owner's input is durable until it is published, so
 * dropping this one loses nothing. A pointer, by which an event is found by its id, is such a claim; one that exists
 * already is replaced before the row is written. An owner that fails for the last time abandons what it began: its input
 * goes to a dead-letter queue, and a provider that sends the event again must not be dropped in its favour. Numbers that
 * remain are sealed at once, in the same write, so that no reader waits for them.
 *
 * No run writes at a number when a reader may have passed it: `limits.sequenceHoleLifetimeMs` has the timeline. A run
 * that is slow from 2 to 4 writes nothing; its changes and claims stand, so its input fails until they are as old as a
 * gap may be, and takes new numbers then. That is what lets readers pass a gap.
 *
 * Records converge because `sequence` rises with the state's counter: a run that loses the condition decides again, and
 * takes a number above that of the change it lost to.
 */
export async function publishEvents(
  ports: PublishPorts,
  candidates: readonly Candidate[],
): Promise<readonly Publication[]> {
  const startedAtMs = ports.clock.nowMs();
  const publications = Array.from<Publication>({ length: candidates.length });
  const byTenant = Map.groupBy(candidates.keys(), (index) => (candidates[index] as Candidate).event.tenant);
  // Read together and cached: no event costs a request for this.
  const reading = ports.tenantPolicies.getMany([...byTenant.keys()]);
  await Promise.all(
    byTenant.entries().map(async ([tenant, indices]) => {
      const own = indices.map((index) => candidates[index] as Candidate);
      const claims = new Map<Candidate, EventClaim>();
      const results = await reading.then(
        (policies) => publishForTenant(ports, tenant, policies.get(tenant), own, { claims, startedAtMs }),
        (error: unknown) => own.map((): Publication => ({ kind: 'failed', error })),
      );
      const givenUp = own.filter((one, place) => one.isLastTry === true && results[place]?.kind === 'failed');
      await abandon(ports, givenUp, claims);
      for (const [place, index] of indices.entries()) publications[index] = results[place] as Publication;
    }),
  );
  return publications;
}

/** A caller that publishes facts alone may not read the states of records. */
const noRecords: RecordStates = {
  getMany: async () => refuseRecords(),
  write: async () => refuseRecords(),
};

function refuseRecords(): never {
  throw new TypeError('a fact has no record');
}

/** Publish facts: events that are no states of records, such as operational events. */
export async function publishFacts(
  ports: FactPorts,
  facts: readonly Omit<Candidate, 'record'>[],
): Promise<readonly Publication[]> {
  return publishEvents({ ...ports, records: noRecords }, facts);
}

async function publishForTenant(
  ports: PublishPorts,
  tenant: string,
  policy: TenantPolicy | undefined,
  candidates: readonly Candidate[],
  { claims, startedAtMs }: { readonly claims: Map<Candidate, EventClaim>; readonly startedAtMs: number },
): Promise<readonly Publication[]> {
  if (policy?.isErasing === true) return candidates.map(() => ({ kind: 'refused' }));
  const numbers = createSequenceNumbers(ports, tenant);
  const run: TenantRun = { ports, tenant, policy, numbers, claims, stored: new Map(), publications: new Map() };
  const facts = distinctFacts(
    run,
    candidates.filter(({ record }) => record === undefined),
  );
  const ofRecords = candidates.filter((candidate): candidate is RecordCandidate => candidate.record !== undefined);
  const [subscriptions, plans] = await Promise.all([
    orFail(run, candidates, () => ports.subscriptions.listFor(tenant)),
    orFail(run, ofRecords, async () => planRecords(run, await groupRecords(run, ofRecords))),
  ]);
  const uses = numbersFor(plans ?? []);
  // Numbers are taken last: a step that fails before leaves no gap.
  const taken =
    subscriptions === undefined
      ? undefined
      : await orFail(run, candidates, () => numbers.take([{ count: facts.length, above: 0 }, ...uses]));
  if (subscriptions !== undefined && taken !== undefined) {
    const [ofFacts = [], ...ofPlans] = taken;
    const [factsPlaced, recordsPlaced] = await Promise.all([
      placeFacts(run, facts, ofFacts),
      placeRecords(run, plans ?? [], ofPlans),
    ]);
    const placed = [...factsPlaced, ...recordsPlaced, ...placedBefore(run)];
    const placedCandidates = placed.map(({ candidate }) => candidate);
    const deliveries = await orFail(run, placedCandidates, async () => {
      await writePlaced(run, placed);
      return queueDeliveries(ports, placed, subscriptions, policy?.delivery?.mode === 'shadow');
    });
    if (deliveries !== undefined)
      for (const { candidate, row } of placed) {
        const own = deliveries.get(row.id) ?? 0;
        run.publications.set(candidate, {
          kind: 'published',
          deliveries: own,
          type: row.type,
          ...(row.pullOnly === true ? { isPullOnly: true } : {}),
        });
        recordPublication(ports, candidate, row, { startedAtMs, deliveries: own });
      }
  }
  return candidates.map((candidate) => run.publications.get(candidate) as Publication);
}

function recordPublication(
  { spans, clock }: PublishPorts,
  { parentSpanId }: Candidate,
  row: EventRow,
  { startedAtMs, deliveries }: { readonly startedAtMs: number; readonly deliveries: number },
): void {
  spans?.record({
    traceId: traceOfEvent(row),
    spanId: publishSpan(row.id),
    parentSpanId,
    name: 'publish',
    kind: 'producer',
    startedAtMs,
    endedAtMs: clock.nowMs(),
    attributes: {
      'tributary.event.id': row.id,
      'tributary.event.type': row.type,
      'tributary.resource': row.resource,
      'tributary.tenant': row.tenant,
      'tributary.account': row.account,
      'tributary.sequence': row.sequence,
      'tributary.deliveries': deliveries,
    },
  });
}

/** Events that earlier runs stored, although the states of their records no longer remember them. */
function placedBefore({ stored }: TenantRun): readonly Placed[] {
  return [...stored].map(([candidate, row]) => ({
    candidate,
    event: { ...candidate.event, id: row.id, type: row.type },
    row,
    stored: true,
  }));
}

async function writePlaced({ ports, tenant, numbers }: TenantRun, placed: readonly Placed[]): Promise<void> {
  const { takenAtMs, writtenAtMs } = numbers;
  if (ports.clock.nowMs() - takenAtMs >= limits.sequenceWriteBeginMs)
    throw new EngineError('contended', `numbers of tenant ${tenant} were taken too long ago to be written`, {
      retryable: true,
    });
  const fresh = placed.filter(({ stored }) => !stored);
  const rows = [...fresh.map(({ row }) => row), ...numbers.unused()];
  await ports.events.writeRows(
    rows.map((row) => ({ ...row, writtenAtMs })),
    takenAtMs + limits.sequenceWriteEndMs,
    fresh.flatMap(({ pointer }) => pointer ?? []),
  );
}
