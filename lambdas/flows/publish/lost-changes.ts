import type { RecordChange, RecordState } from '../../engine/records/record-state.ts';
import type { PublishPorts } from './publication.ts';

const msPerDay = 24 * 3_600_000;
const marginMs = 2 * 3_600_000;

/**
 * How long the event of a change may turn out to be lost: the run that wrote the state was killed before it wrote the
 * event, and its input does not come again. Less than a day, which is the shortest time that a tenant's events are kept:
 * after that an absent row tells nothing.
 */
const unsureMs = msPerDay - marginMs;

/** Whether an input that says nothing new must look whether the change has its event: only it can bring the event. */
export function isUnsure({ takenAtMs }: RecordChange, nowMs: number): boolean {
  return nowMs - takenAtMs < unsureMs;
}

/** Nobody asks for a record's end again, so a daily comparison must still find that its event is lost. */
const longestUnsureMs = 3 * msPerDay;

/**
 * Records whose last change has no event, although their states say that it was made.
 *
 * @param records - With their states, all of one tenant.
 */
export async function withLostChange<Known extends { readonly state: RecordState }>(
  {
    events,
    tenantPolicies,
    clock,
    retentionDays,
  }: Pick<PublishPorts, 'events' | 'tenantPolicies' | 'clock'> & { readonly retentionDays: number },
  tenant: string,
  records: readonly Known[],
): Promise<readonly Known[]> {
  const recent = records.flatMap((known) => {
    const last = known.state.changes.at(-1);
    return last !== undefined && clock.nowMs() - last.takenAtMs < longestUnsureMs ? { known, last } : [];
  });
  if (recent.length === 0) return [];
  const policy = (await tenantPolicies.getMany([tenant])).get(tenant);
  const keptMs = Math.min(policy?.eventsDays ?? retentionDays, retentionDays) * msPerDay - marginMs;
  const unsure = recent.filter(({ last }) => clock.nowMs() - last.takenAtMs < keptMs);
  const rows = await events.getMany(unsure.map(({ last: { sequence } }) => ({ tenant, sequence })));
  const written = new Map(rows.map(({ sequence, id }) => [sequence, id]));
  return unsure.filter(({ last }) => written.get(last.sequence) !== last.event).map(({ known }) => known);
}
