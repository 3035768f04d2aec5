import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';

/** An event's place in its tenant's sequence: the key of its row. */
export interface EventKey {
  readonly tenant: string;
  readonly sequence: number;
}

/** An event as it is stored: its data inline, or kept in the claim store. */
export interface EventRow extends Omit<CanonicalEvent, 'data'> {
  /** The data as JSON text; undefined where it is claimed. */
  readonly inlineData: string | undefined;
  /** Key in the claim store; undefined where the data is inline. */
  readonly claimKey: string | undefined;
  /** Length of the data as JSON text, wherever it lies. */
  readonly dataBytes: number;
  /** As of the request that brought it; callbacks carry it on. @default 1 */
  readonly hops?: number;
  /**
   * Why what is stored cannot be understood: then only its key, id and time are known, and the other members say
   * nothing. Such a row must fail alone, whatever it is read with. Undefined for any other.
   */
  readonly unreadable?: string;
}

/** A number of the sequence that no event will ever have. */
export interface SealedSequence extends EventKey {
  readonly sealed: true;
}

/** A place in the feed, with the instant of its writing: no run took a smaller number later than this. */
export type FeedRow = (EventRow | SealedSequence) & { readonly writtenAtMs: number };

/** Who may publish an event id, and at which place. */
export interface EventClaim extends EventKey {
  readonly id: string;
  /** The accepted request (or other input) that brings the event: only its retries may go on with the claim. */
  readonly owner: string;
  /** Epoch milliseconds: when the number was claimed. */
  readonly claimedAtMs: number;
  /** Whether its owner has tried for the last time, and failed: any other input that brings the event may go on with it. */
  readonly isAbandoned?: boolean | undefined;
}

export interface EventWriter {
  /** Reserve consecutive numbers of a tenant's sequence. @returns The first. */
  takeSequences(tenant: string, count: number): Promise<number>;
  /**
   * Claim an event's id for its owner, once. Decides what is a duplicate. A claim is kept for as long as its tenant's
   * events, and for `limits.minClaimDays` at least.
   *
   * @returns The claim that stands: the one asked for, or the one that was there.
   */
  claim(claim: EventClaim): Promise<EventClaim>;
  /** Replace a claim, if it still stands as it is thought to. @returns Whether it did. */
  moveClaim(from: EventClaim, to: EventClaim): Promise<boolean>;
  /**
   * Write rows whose places belong to the caller alone. Writing the same row again changes nothing.
   *
   * @param untilMs - Epoch milliseconds after which nothing is written any more. @default as long as it takes
   * @throws {storage-unavailable} when some were not written by then, or at all; any of the others may be.
   */
  writeRows(rows: readonly FeedRow[], untilMs?: number): Promise<void>;
}

export interface EventReader {
  /**
   * The events at these places; places without one are left out. Reads what is stored now.
   *
   * @param mayLag - An event that was erased within the last second may be read still. Half the price, for those who
   *   know that the events were written. @default false
   */
  getMany(keys: readonly EventKey[], mayLag?: boolean): Promise<readonly EventRow[]>;
  /** Rows of a tenant after a sequence number, in order, sealed ones included. Reads what is stored now. */
  listAfter(tenant: string, sequence: number, limit: number): Promise<readonly FeedRow[]>;
  /**
   * Where the first row after a sequence number is, be it expired, and when it was written: for a caller that looks for
   * a place in time. Expired rows may be millions, which {@link listAfter} has to pass one after the other.
   */
  firstAfter(tenant: string, sequence: number): Promise<Pick<FeedRow, 'sequence' | 'writtenAtMs'> | undefined>;
}

export interface EventLocator {
  /** Where an event stands, by its id. */
  locate(id: string): Promise<EventKey | undefined>;
}
