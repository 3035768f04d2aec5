import type { MappedChange } from '../../engine/mapping/mapping-context.ts';

/** Records of one resource of one account that wait to be read. */
export interface FetchQueueKey {
  readonly account: string;
  readonly resource: string;
}

/** A thin event: its record must be read before it can be published. */
export interface Fetch extends FetchQueueKey {
  readonly tenant: string;
  /** `createdAt` of the account. */
  readonly incarnation: string;
  readonly integration: string;
  readonly recordId: string;
  /** What the call needs besides the id. */
  readonly address: Readonly<Record<string, unknown>>;
  /** Of a fact: its name, because each fact is an event of its own. Undefined for records with a state. */
  readonly fact?: string | undefined;
  readonly change: MappedChange['change'];
  readonly rawEventType: string;
  /** ISO 8601. */
  readonly occurredAt?: string | undefined;
  /** ISO 8601: when the webhook was received. */
  readonly receivedAt: string;
  readonly hops?: number | undefined;
  /** Trace of the webhook. Undefined in rows of an earlier version. */
  readonly trace?: string | undefined;
  /**
   * The data that the webhook carried, as JSON text: published where the record cannot be read. A store may keep only
   * the record's id of data above 300,000 bytes.
   */
  readonly partialData: string;
}

/** A fetch as it waits: the last webhook of its record, and how many asked for it. */
export interface WaitingFetch extends Fetch {
  /** Webhooks that asked since the record was read last. */
  readonly count: number;
  readonly firstAtMs: number;
  /** Reads that failed for this record. */
  readonly attempts: number;
  /** It is not read before. */
  readonly dueAtMs: number;
}

/** The place of a fetch in its queue. */
export type FetchPlace = Pick<Fetch, 'recordId' | 'fact'>;

/** Who reads the records of a queue, and when it is looked at again. */
export interface FetchRun extends FetchQueueKey {
  /** Counts the times that fetches were added. */
  readonly asked: number;
  /** The function that reads; it has ended by `untilMs`. */
  readonly lease?: { readonly owner: string; readonly untilMs: number } | undefined;
  /** When dispatch looks at the queue; undefined where nothing waits. */
  readonly dueAtMs?: number | undefined;
  /**
   * The fetch that was read last: the next run goes on behind it, so that a record whose webhooks never end does not
   * keep the others from being read.
   */
  readonly position?: FetchPlace | undefined;
  /** A message that starts a run is on its way until then. */
  readonly messageUntilMs?: number | undefined;
  readonly revision: number;
}

export interface FetchStore {
  /** Add fetches, in order. One of the same record that waits takes over the last webhook. */
  add(fetches: readonly Fetch[]): Promise<void>;
  /** Count that fetches were added. @returns The run as it is now. */
  ask(key: FetchQueueKey): Promise<FetchRun>;
  /**
   * Fetches that are due, in an order that does not change.
   *
   * @param after - Go on behind this fetch, whether or not it still waits. @default from the beginning
   */
  listDue(key: FetchQueueKey, nowMs: number, limit: number, after?: FetchPlace): Promise<readonly WaitingFetch[]>;
  /** When the next fetch is due; undefined where none waits. */
  nextDueMs(key: FetchQueueKey): Promise<number | undefined>;
  /**
   * Remove fetches whose record was read. One that was added anew stays. One that was asked for meanwhile stays with what
   * came since: it is another fetch, and begins now.
   */
  finish(fetches: readonly WaitingFetch[]): Promise<void>;
  /** Leave fetches for later, unless they were asked for meanwhile. */
  postpone(fetches: readonly WaitingFetch[], dueAtMs: number): Promise<void>;
  getRun(key: FetchQueueKey): Promise<FetchRun | undefined>;
  /** Write a run, if it is still as it was read. @returns The run as it is written; undefined where another came first. */
  replaceRun(run: FetchRun): Promise<FetchRun | undefined>;
  /** Runs that dispatch must look at, the earliest first. */
  listDueRuns(shard: number, untilMs: number, limit: number): Promise<readonly FetchRun[]>;
}
