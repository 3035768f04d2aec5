import type { RawMessage } from '../../contracts/messages.ts';
import type { Page } from '../accounts/account-store.ts';

/** An account, and the key that opens what is archived for it. */
export interface ArchiveOwner {
  readonly account: string;
  /** The account's `createdAt`: a later account of the same id is another owner. */
  readonly createdAt: string;
  /** 32 bytes as base64. */
  readonly key: string;
}

export interface ArchivableRequest {
  readonly message: RawMessage;
  /** Whose key opens it: any of theirs. None where the request is no account's yet; it is not sealed then. */
  readonly owners: readonly ArchiveOwner[];
}

/** Accepted requests as ingress queued them, kept so that a mended mapping can read them again. */
export interface RawArchive {
  /**
   * Keep some requests in one object. Returns when they are durable. The same requests put again replace their object.
   *
   * @param requests - At least one; all were received in one hour (UTC).
   * @param retentionDays - Where it is shorter than that of the archive.
   */
  put(requests: readonly ArchivableRequest[], retentionDays: number | undefined): Promise<void>;
}

/** Requests of one integration and the same owners, within an object of the archive. */
export interface ArchivedPart {
  readonly integration: string;
  /** Whose keys open it; empty where it is not sealed. */
  readonly owners: readonly Pick<ArchiveOwner, 'account' | 'createdAt'>[];
  /** How many requests it has. */
  readonly count: number;
  /**
   * @param owner - One of `owners`, with its key; undefined where the part is not sealed.
   * @returns Undefined where the key is not the one that sealed it.
   */
  open(owner: ArchiveOwner | undefined): readonly RawMessage[] | undefined;
}

export interface RawArchiveReader {
  /**
   * A page of the objects that may have requests received in a window, oldest first. It may be empty and yet not be
   * the last.
   *
   * @param after - The object, or the `next`, behind which the page begins.
   */
  list(sinceMs: number, untilMs: number, after: string | undefined): Promise<Page<string>>;
  /**
   * @returns Undefined where there is no such object any more.
   * @throws {EngineError} `corrupt-state` where it cannot be read.
   */
  read(object: string): Promise<readonly ArchivedPart[] | undefined>;
}
