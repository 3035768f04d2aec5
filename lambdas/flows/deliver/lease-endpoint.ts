import { limits } from '../../contracts/limits.ts';
import { type Admission, admit, freeSlots, isFast } from '../../engine/delivery/admission.ts';
import type { EndpointLimits, EndpointState } from '../../engine/delivery/endpoint-state.ts';
import {
  countSuccesses,
  isCrowded,
  isUsedUp,
  keptMs,
  markCrowded,
  needsExactAccounts,
  renewalMs,
} from '../../engine/delivery/kept-lease.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { changeEndpoint, type EndpointPorts } from './change-endpoint.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import { type KeptLease, newlyKept } from './kept-leases.ts';

/** A lease of one run lasts as long as its function: by then the posts and the writes after them have ended. */
const runLeaseMs = limits.deliverTimeoutSeconds * 1000;

/** Retries while the slots of a fast endpoint are taken, and the pause before each. */
const crowdedRetries = 20;
const crowdedPauseMs = 40;

/** The posts of a run may take this long in all: more slots would speed it up little, and other instances need them. */
const roundMs = 50;
/** A lease that is kept takes this share of the free slots, if it needs no more: so seven instances share ten slots. */
const shareOfFree = 1 / 3;

/** Posts that take longer than this together need a lease that lasts longer than a kept one. */
const keptPostsMs = 1_500;

type Admitted = Extract<Admission, { kind: 'admitted' }>;

/** Rounds of posts under a lease of few slots: by then, more may be free. */
const roundsOfFewSlots = 2;

/** A lease to post under, with the state as stored. */
export interface PostLease extends Admitted {
  readonly id: string;
  /** Posts to make before another lease is asked for; at most `posts`. */
  readonly most: number;
  readonly untilMs: number;
  /** Set for a lease that the instance keeps; otherwise it is given back with its results. */
  readonly kept: KeptLease | undefined;
}

export type Leasing =
  | { readonly kind: 'leased'; readonly lease: PostLease }
  /** Others hold all slots of a fast endpoint: the events need only wait for seconds. */
  | { readonly kind: 'crowded' }
  /** The endpoint is no longer fast, or its bounds are used up: the events wait for its drain. */
  | { readonly kind: 'refused' };

/** Lease slots of an endpoint to post now: the kept lease as it is, or a new one. */
export async function leaseForPosts(
  ports: DeliverPorts,
  known: EndpointState,
  prepared: PreparedSubscription,
  wanted: number,
): Promise<Leasing> {
  const kept = ports.keptLeases.take(known);
  const nowMs = ports.clock.nowMs();
  if (kept !== undefined && holds(kept, known, prepared, wanted, nowMs)) {
    const lease: PostLease = {
      kind: 'admitted',
      id: kept.id,
      slots: Math.min(kept.slots, wanted),
      posts: wanted,
      most: wanted,
      isProbe: false,
      untilMs: kept.untilMs,
      kept: { ...kept, mostWanted: Math.max(kept.mostWanted, wanted) },
      state: known,
    };
    return { kind: 'leased', lease };
  }
  let state = known;
  let replaced = kept;
  for (let tries = 0; ; tries += 1) {
    const asked = await takeLease(ports, state, prepared, wanted, replaced);
    if (asked.kind !== 'crowded') return asked;
    if (asked.isMarked) replaced = undefined;
    if (tries === crowdedRetries) return asked.isUsedUp ? { kind: 'refused' } : { kind: 'crowded' };
    await ports.pause(crowdedPauseMs);
    const [stored] = await ports.endpoints.getMany([known]);
    state = stored ?? known;
  }
}

/** Whether a kept lease may be used as it is. The stored state decides: it lacks a lease that others saw expire. */
function holds(
  kept: KeptLease,
  known: EndpointState,
  { limits: own }: PreparedSubscription,
  wanted: number,
  nowMs: number,
): boolean {
  const stored = known.leases[kept.id];
  return (
    stored?.untilMs === kept.untilMs &&
    kept.untilMs - nowMs >= renewalMs &&
    kept.slots <= own.concurrency &&
    !needsExactAccounts(known, own, nowMs) &&
    wanted <= postsWithin(known, kept.slots) &&
    (isCrowded(known, nowMs) ? !mayShrink(kept, known) : slotsNeeded(known, own, wanted) <= kept.slots)
  );
}

/** Whether a kept lease holds slots since before others found none. */
function mayShrink({ slots, untilMs }: KeptLease, { crowded }: EndpointState): boolean {
  return slots > 1 && untilMs - keptMs < (crowded?.sinceMs ?? 0);
}

/** Half of the slots, so that another run need not wait for this one. */
function slotsOfRun(concurrency: number): number {
  return Math.max(1, Math.ceil(concurrency / 2));
}

/** Slots with which posts end in about `roundMs`: for a fast endpoint, one is enough for many. */
function slotsNeeded({ latencyMs = 0 }: EndpointState, { concurrency }: EndpointLimits, wanted: number): number {
  return Math.min(wanted, slotsOfRun(concurrency), Math.max(1, Math.ceil((wanted * latencyMs) / roundMs)));
}

/** Slots to keep: those that runs need, and more while many are free; fewer where others find none. */
function slotsToKeep(state: EndpointState, own: EndpointLimits, wanted: number, nowMs: number): number {
  const free = freeSlots(state, own, nowMs);
  const share = Math.floor(free * shareOfFree);
  const needed = slotsNeeded(state, own, wanted);
  if (isCrowded(state, nowMs)) return Math.max(1, Math.min(needed, share));
  return Math.min(wanted, slotsOfRun(own.concurrency), Math.max(1, free), Math.max(needed, share));
}

/** Posts that end while a kept lease lasts. */
function postsWithin({ latencyMs = 0 }: EndpointState, slots: number): number {
  return slots * Math.max(1, Math.floor(keptPostsMs / Math.max(1, latencyMs)));
}

/** No slot is free now. */
interface Crowded {
  readonly kind: 'crowded';
  /** Whether all slots are in use, rather than kept. */
  readonly isUsedUp: boolean;
  /** Whether the state was written: without the kept lease, and with what it had not counted. */
  readonly isMarked: boolean;
}

/** Write a lease in place of the kept one, with what was not counted yet. */
async function takeLease(
  ports: DeliverPorts,
  known: EndpointState,
  prepared: PreparedSubscription,
  wanted: number,
  kept: KeptLease | undefined,
): Promise<Exclude<Leasing, { kind: 'crowded' }> | Crowded> {
  const id = leaseId(ports);
  const policy = policyOf(ports, prepared);
  type Asked =
    | { readonly kind: 'refused' }
    | Crowded
    | (Admitted & { readonly untilMs: number; readonly isExact: boolean; readonly needed: number });
  const { state: after, result } = await changeEndpoint<Asked>(ports, known, (current) => {
    const nowMs = ports.clock.nowMs();
    if (!isFast(current, policy, nowMs)) return { result: { kind: 'refused' } };
    const own = kept === undefined ? current : withoutLease(current, kept, policy, nowMs);
    const needed = slotsNeeded(own, prepared.limits, wanted);
    const mostWanted = Math.max(wanted, kept?.mostWanted ?? 0);
    const toKeep = slotsToKeep(own, prepared.limits, mostWanted, nowMs);
    const isExact = needsExactAccounts(own, prepared.limits, nowMs) || wanted > postsWithin(own, toKeep);
    const durationMs = isExact ? runLeaseMs : keptMs;
    const posts = isExact ? wanted : mostWanted;
    const maxSlots = isExact ? needed : toKeep;
    const admission = admit(own, prepared.limits, posts, { id, durationMs, maxSlots }, nowMs);
    if (admission.kind === 'admitted')
      return { state: admission.state, result: { ...admission, untilMs: nowMs + durationMs, isExact, needed } };
    if (admission.by !== 'concurrency') return { result: { kind: 'refused' } };
    const marked = markCrowded(own, nowMs);
    const result = { kind: 'crowded', isUsedUp: isUsedUp(own, nowMs), isMarked: marked !== undefined } as const;
    return marked === undefined ? { result } : { state: marked, result };
  });
  if (result.kind !== 'admitted') return result;
  const { untilMs, isExact, needed, ...admitted } = result;
  const keptAfter = isExact ? undefined : newlyKept(id, admitted.slots, untilMs, wanted);
  const posts = Math.min(wanted, admitted.posts);
  const isShort = isExact && admitted.slots < needed;
  const most = isShort ? Math.min(posts, admitted.slots * roundsOfFewSlots) : posts;
  return { kind: 'leased', lease: { ...admitted, posts, most, id, untilMs, kept: keptAfter, state: after } };
}

function withoutLease(
  current: EndpointState,
  { id, uncounted }: KeptLease,
  policy: ReturnType<typeof policyOf>,
  nowMs: number,
): EndpointState {
  const { [id]: _, ...leases } = current.leases;
  return countSuccesses({ ...current, leases }, uncounted, policy, nowMs);
}

/** The endpoint policy with the subscription's own settings applied. */
export function policyOf({ endpointPolicy }: EndpointPorts, { subscription }: PreparedSubscription) {
  const { disableAfterMs } = subscription;
  return disableAfterMs === undefined ? endpointPolicy : { ...endpointPolicy, disableAfterMs };
}

export function leaseId({ randomness }: Pick<DeliverPorts, 'randomness'>): string {
  return randomness.bytes(9).toString('base64url');
}
