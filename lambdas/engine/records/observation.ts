import type { Origin } from '../event/canonical-event.ts';
import type { Rank, VersionKind } from './rank.ts';

/** What a resource says about the states of its records. */
export interface RecordTraits {
  readonly versionKind: VersionKind;
  /** Whether webhooks carry only some fields of the record: equal data may be a change. @default false */
  readonly isPartial?: boolean | undefined;
  /** Paths in `data` that the fingerprint leaves out: they change although the record does not. */
  readonly volatile: readonly string[];
}

/** What one input says about one record: a webhook, or a read by enrichment, poll or reconciliation. */
export interface Observation {
  readonly by: 'webhook' | 'read';
  /** `full` where the data is the whole record, `partial` where it is a part of it, or its id alone. */
  readonly extent: 'full' | 'partial';
  /** `unknown` for a read that finds the record: whether it is new, only the state can tell. */
  readonly change: 'created' | 'updated' | 'deleted' | 'unknown';
  readonly rank: Rank;
  /** Epoch milliseconds: when the webhook was received, or the read began. */
  readonly seenAtMs: number;
  /** Names the input; its retries have the same owner. */
  readonly owner: string;
  readonly origin: Origin;
  /** The provider's name of the change, the same when the webhook is sent again; undefined for reads. */
  readonly changeName: string | undefined;
  /** Whether a deletion only says that there is no such record: of an unknown one, it says nothing. */
  readonly isAbsence?: true | undefined;
  /** Whether such a deletion is remembered all the same: a late input about the record is older than it. */
  readonly isTombstone?: true | undefined;
  /** Whether the state takes it over without an event. */
  readonly isSilent?: true | undefined;
  /** Of the data, without volatile members; undefined where it is partial. */
  readonly fingerprint: string | undefined;
}
