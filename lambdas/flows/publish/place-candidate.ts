import { EngineError } from '../../contracts/engine-error.ts';
import { limits } from '../../contracts/limits.ts';
import type { EventClaim, EventRow } from '../../ports/events/event-store.ts';
import type { TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import type { Candidate, Placed, PublishPorts } from './publication.ts';

export type Place =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'duplicate' }
  /** An earlier run of the same owner may still be at it. */
  | { readonly kind: 'contended'; readonly error: EngineError }
  | { readonly kind: 'unknown'; readonly error: unknown };

/**
 * Claim an event's id and store its payload; find out where its row belongs.
 *
 * A claim of the same owner, or one that its owner has abandoned, is that of an earlier run. Where its row stands, only the deliveries are
 * left to do. Where it does not, the earlier run may still be alive for a while: this one fails then,
 * and comes again. After that the event goes to the new number.
 */
export async function placeCandidate(
  ports: PublishPorts,
  policy: TenantPolicy | undefined,
  candidate: Candidate,
  sequence: number,
  hold: (claim: EventClaim) => void,
): Promise<Place> {
  const { event, owner } = candidate;
  const { id, tenant } = event;
  const wanted: EventClaim = { id, owner, tenant, sequence, claimedAtMs: ports.clock.nowMs() };
  // An answer that is lost may be that of a claim that was made.
  hold(wanted);
  const standing = await ports.events.claim(wanted);
  const isAbandoned = standing.isAbandoned === true && standing.tenant === tenant;
  if (standing.owner !== owner && !isAbandoned) return { kind: 'duplicate' };
  hold(standing);
  if (standing.sequence !== sequence) {
    const [stored] = await ports.events.getMany([standing]);
    if (stored?.id === id) return { kind: 'placed', placed: { candidate, row: stored, stored: true } };
    const mayStillBeWritten = wanted.claimedAtMs - standing.claimedAtMs <= limits.sequenceHoleLifetimeMs;
    if (!mayStillBeWritten) hold(wanted);
    if (mayStillBeWritten || !(await ports.events.moveClaim(standing, wanted)))
      return {
        kind: 'contended',
        error: new EngineError('contended', `another run is publishing ${id}`, { retryable: true }),
      };
  }
  return { kind: 'placed', placed: { candidate, row: await toRow(ports, policy, candidate, sequence), stored: false } };
}

async function toRow(
  ports: PublishPorts,
  policy: TenantPolicy | undefined,
  { event, hops = 1 }: Candidate,
  sequence: number,
): Promise<EventRow> {
  const { data, ...rest } = event;
  const metadata = { ...rest, ...(hops === 1 ? {} : { hops }) };
  const text = JSON.stringify(data);
  const dataBytes = Buffer.byteLength(text);
  if (dataBytes <= ports.claimThresholdBytes)
    return { ...metadata, sequence, inlineData: text, claimKey: undefined, dataBytes };
  const claimKey = `${event.tenant}/${event.id}`;
  await ports.payloads.put(claimKey, Buffer.from(text), 'application/json', policy?.eventsDays);
  return { ...metadata, sequence, inlineData: undefined, claimKey, dataBytes };
}
