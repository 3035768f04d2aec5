import type { CommitPosition } from '../records/commit-log.ts';

/** What a listing with delta tokens shows: the changes since a position, and where the next one goes on. */
export interface DeltaRange {
  /** Undefined for the first one, which shows all records. */
  readonly from: CommitPosition | undefined;
  readonly to: CommitPosition;
}

/** What a cursor of the simulator says; its text is opaque to callers. */
export type PageToken =
  /** The page after the record that has this place in the order. */
  | {
      readonly kind: 'after';
      readonly key: number;
      readonly place: number;
      /** Rows before the page. */
      readonly offset: number;
      /** Of the listing, with its filters. */
      readonly listing: string;
      readonly issuedAtMs: number;
      readonly delta?: DeltaRange;
    }
  /** The changes since a position. */
  | { readonly kind: 'delta'; readonly from: CommitPosition; readonly issuedAtMs: number };

export function writeToken(token: PageToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** @returns Undefined for a text that is no cursor of the simulator. */
export function readToken(text: string): PageToken | undefined {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as PageToken;
    return token.kind === 'after' || token.kind === 'delta' ? token : undefined;
  } catch {
    return undefined;
  }
}
