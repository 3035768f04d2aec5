import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { CallCounts } from '../call-counts.ts';
import type { RecordChange, RecordStore, StoredRecord } from '../records/record-store.ts';
import type { RememberedPages } from './repeated-pages.ts';

/** The data from which calls are answered. */
export interface AnswerWorld {
  readonly definition: Definition;
  readonly stores: ReadonlyMap<string, RecordStore>;
  readonly context: Readonly<Record<string, unknown>>;
  /** Of the API, for links; undefined where links are relative. */
  readonly origin: string | undefined;
  /** Write a record, and send its webhook. */
  readonly write: (resource: string, write: RecordWrite) => Promise<StoredRecord>;
  readonly nowMs: () => number;
  /** Of the last write, over all resources. */
  readonly lastSerial: () => number;
  readonly pages: RememberedPages;
  readonly counts: Pick<CallCounts, 'countRows' | 'countUnchanged'>;
}

export type RecordWrite =
  | {
      readonly kind: 'created';
      readonly change: RecordChange | undefined;
      /** Whether it comes before all others in listings that are not ordered by time. */
      readonly isFirst?: boolean;
    }
  | { readonly kind: 'updated'; readonly id: string; readonly change: RecordChange | undefined }
  | { readonly kind: 'deleted'; readonly id: string };
