import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';

/** An event's place in its tenant's sequence: the key of its row. */
export interface EventKey {
  readonly tenant: string;
  readonly sequence: number;
}

/** An event as it is stored: its data inline, or kept in the claim store. */
export interface EventRow extends Omit<CanonicalEvent, 'data'> {
  /** The data as JSON text; undefined when it is in the claim store. */
  readonly inlineData: string | undefined;
  /** Key in the claim store; undefined when the data is inline. */
  readonly claimKey: string | undefined;
  /** Length of the data as JSON text, wherever it is stored. */
  readonly dataBytes: number;
  /** Hop count of the request that brought the event; callbacks pass it on. @default 1 */
  readonly hops?: number;
  /** Sequence number of the record's event before this one; undefined for the first, and for facts. */
  readonly prior?: number;
  /** Set when its tenant only pulled at the time: the event has no deliveries, unless a replay asks for them. */
  readonly pullOnly?: true;
  /**
   * Why the stored row cannot be read. Then only its key, id and time are known, and the other members are meaningless.
   * Such a row must fail alone, whatever it is read with. Undefined for every readable row.
   */
  readonly unreadable?: string;
}

/** A number of the sequence that no event will ever have. */
export interface SealedSequence extends EventKey {
  readonly sealed: true;
}

/** A row of the feed, with the time of its writing: no run took a smaller number after this time. */
export type FeedRow = (EventRow | SealedSequence) & { readonly writtenAtMs: number };

/** The right to publish an event id, and the place reserved for it. */
export interface EventClaim extends EventKey {
  readonly id: string;
  /** The accepted request (or other input) that brings the event: only its retries may continue with the claim. */
  readonly owner: string;
  /** Epoch milliseconds of the claim. */
  readonly claimedAtMs: number;
  /** Whether the owner's last try failed: then any other input that brings the event may continue with the claim. */
  readonly isAbandoned?: boolean | undefined;
}

export interface EventWriter {
  /** Reserve consecutive numbers of a tenant's sequence. @returns The first number. */
  takeSequences(tenant: string, count: number): Promise<number>;
  /**
   * Claim an event's id for its owner, once; this decides which events are duplicates. A claim is kept as long as its
   * tenant's events, and at least `limits.minClaimDays`.
   *
   * @returns The claim in force: the one asked for, or the one that existed before.
   */
  claim(claim: EventClaim): Promise<EventClaim>;
  /** The claim in force for an event's id; undefined if there is none. */
  findClaim(id: string): Promise<EventClaim | undefined>;
  /** Replace a claim if it is still equal to `from`. @returns Whether it was replaced. */
  moveClaim(from: EventClaim, to: EventClaim): Promise<boolean>;
  /**
   * Claim the ids of events that states of records name, where no claim exists: then they need no write of their own
   * later. Never rejects.
   *
   * @returns The ids that were claimed. What became of the others is not known.
   */
  point(pointers: readonly EventClaim[]): Promise<ReadonlySet<string>>;
  /**
   * Write rows whose places belong to the caller alone. Writing the same row again changes nothing.
   *
   * @param untilMs - Epoch milliseconds after which nothing is written. @default as long as it takes
   * @param pointers - Written before the rows, over claims that exist: where events of records with a state are
   *   found by their ids. @default none
   * @throws {storage-unavailable} when some rows were not written in time; any of the others may be written.
   */
  writeRows(rows: readonly FeedRow[], untilMs?: number, pointers?: readonly EventClaim[]): Promise<void>;
}

export interface EventReader {
  /**
   * The events at these places; places without an event are left out. Strongly consistent.
   *
   * @param mayLag - Read eventually consistent, at half the price, when the caller knows that the events were written.
   *   An event erased within the last second may still be returned. @default false
   */
  getMany(keys: readonly EventKey[], mayLag?: boolean): Promise<readonly EventRow[]>;
  /** Rows of a tenant after a sequence number, in order, including sealed ones. Strongly consistent. */
  listAfter(tenant: string, sequence: number, limit: number): Promise<readonly FeedRow[]>;
  /**
   * The number and time of writing of the first row after a sequence number, even an expired one: for a caller that
   * searches the position of a time. There may be millions of expired rows, which {@link listAfter} has to skip one by
   * one.
   */
  firstAfter(tenant: string, sequence: number): Promise<Pick<FeedRow, 'sequence' | 'writtenAtMs'> | undefined>;
}

export interface EventLocator {
  /** The place of an event, by its id, and the input that brought it. */
  locate(id: string): Promise<(EventKey & { readonly owner?: string | undefined }) | undefined>;
}
