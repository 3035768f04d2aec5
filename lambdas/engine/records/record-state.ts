import type { Origin, RecordEventType } from '../event/canonical-event.ts';
import type { Rank } from './rank.ts';

/** One event of a record, as its state remembers it. */
export interface RecordChange {
  /** Of the event, in its tenant's sequence. */
  readonly sequence: number;
  readonly event: string;
  readonly type: RecordEventType;
  readonly origin: Origin;
  /** The input that brings the event: only its retries continue it. */
  readonly owner: string;
  /** Digest of the provider's name of the change; empty for reads. */
  readonly key: string;
  /** Epoch milliseconds: when the sequence number was taken. */
  readonly takenAtMs: number;
  /** Whether its owner failed for the last time: any input that says the same continues it. */
  readonly isAbandoned?: boolean;
}

/** One input that made no event. */
export interface RecordDrop {
  readonly outcome: 'stale' | 'unchanged';
  readonly origin: Origin;
  readonly version?: string | undefined;
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** Epoch milliseconds. */
  readonly seenAtMs: number;
}

/** What the engine last knew about a record. */
export interface RecordState extends Rank {
  /** Rises with each write of the state: writers name the one they read. */
  readonly n: number;
  /** The last version that an input gave, where the input that made this state gave none. */
  readonly lastVersion?: string | undefined;
  /** Epoch milliseconds: when the input that made this state was received, or its read began. */
  readonly seenAtMs: number;
  /** Whether a read made this state: it includes every change before the read began. */
  readonly isRead: boolean;
  /** Undefined where the last input was partial: its data is not all that the record holds. */
  readonly fingerprint?: string | undefined;
  readonly isDeleted: boolean;
  /** The last events, the latest at the end. */
  readonly changes: readonly RecordChange[];
  /** The last inputs that were dropped, the latest at the end. */
  readonly drops: readonly RecordDrop[];
}

/** What a state remembers; more would make its row cost another write unit. */
export const rememberedChanges = 4;
export const rememberedDrops = 3;
