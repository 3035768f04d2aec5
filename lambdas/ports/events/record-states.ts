import type { RecordState } from '../../engine/records/record-state.ts';
import type { Page } from '../accounts/account-store.ts';

/** Names a record. */
export interface RecordKey {
  /** A state of another tenant does not count, whatever its account is called. */
  readonly tenant: string;
  readonly account: string;
  /** `createdAt` of the account: a later account with the same id knows nothing of the former one's records. */
  readonly incarnation: string;
  readonly resource: string;
  readonly recordId: string;
}

/** What is stored for a record. */
export interface StoredRecord {
  /** Undefined where nothing is known: no row, one of a former account, or a tombstone that has expired. */
  readonly state: RecordState | undefined;
  /** Number of the row's last write, whatever it holds; 0 where there is no row. */
  readonly lastN: number;
}

/** A record of an account, and its state. */
export interface ListedRecord {
  readonly resource: string;
  readonly recordId: string;
  readonly state: RecordState;
  /** The position after it. */
  readonly next: string;
}

export interface RecordDirectory {
  /**
   * Records of an account, in no order, deleted ones included as long as they are remembered.
   *
   * @param after - `next` of a record, or of a page; undefined from the beginning.
   * @param resource - Only records of this resource. @default all
   */
  list(
    key: Pick<RecordKey, 'tenant' | 'account' | 'incarnation'>,
    limit: number,
    after: string | undefined,
    resource?: string,
  ): Promise<Page<ListedRecord>>;
}

/** One row for each live record of a stateful resource, and for 90 days for each deleted one. */
export interface RecordStates {
  /** What is stored for each record, in their order. Reads what is stored now. */
  getMany(keys: readonly RecordKey[]): Promise<readonly StoredRecord[]>;
  /**
   * Write a record's state, if its row is still as it was read.
   *
   * @returns Whether it was: false where another writer came first.
   */
  write(key: RecordKey, before: StoredRecord, next: RecordState): Promise<boolean>;
}
