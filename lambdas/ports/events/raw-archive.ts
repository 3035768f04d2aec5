import type { RawMessage } from '../../contracts/messages.ts';
import type { Page } from '../accounts/account-store.ts';

/** An account, with the key that opens its archived requests. */
export interface ArchiveOwner {
  readonly account: string;
  /** The account's `createdAt`: a later account of the same id is another owner. */
  readonly createdAt: string;
  /** 32 bytes as base64. */
  readonly key: string;
}

export interface ArchivableRequest {
  readonly message: RawMessage;
  /** Any owner's key opens the request. Empty when the request has no account yet; then it is not sealed. */
  readonly owners: readonly ArchiveOwner[];
}

/** Accepted requests as ingress queued them, kept so that a fixed mapping can read them again. */
export interface RawArchive {
  /**
   * Store requests in one object. Returns when they are durable. Storing the same requests again replaces their object.
   *
   * @param requests - At least one; all received in the same hour (UTC).
   * @param retentionDays - Only when shorter than the archive's own.
   */
  put(requests: readonly ArchivableRequest[], retentionDays: number | undefined): Promise<void>;
}

/** Requests of one integration and the same owners, within an object of the archive. */
export interface ArchivedPart {
  readonly integration: string;
  /** The owners whose keys open it; empty when it is not sealed. */
  readonly owners: readonly Pick<ArchiveOwner, 'account' | 'createdAt'>[];
  /** The number of requests. */
  readonly count: number;
  /**
   * @param owner - One of `owners`, with its key; undefined when the part is not sealed.
   * @returns Undefined when the key did not seal this part.
   */
  open(owner: ArchiveOwner | undefined): readonly RawMessage[] | undefined;
}

export interface RawArchiveReader {
  /**
   * A page of the objects that may hold requests received in a window, oldest first. An empty page need not be the
   * last.
   *
   * @param after - The object, or the `next`, after which the page begins.
   * @param reachMs - How long before the window an object may begin that is looked at. @default all of its hour
   */
  list(sinceMs: number, untilMs: number, after: string | undefined, reachMs?: number): Promise<Page<string>>;
  /**
   * @returns Undefined when the object no longer exists.
   * @throws {EngineError} `corrupt-state` when it cannot be read.
   */
  read(object: string): Promise<readonly ArchivedPart[] | undefined>;
  /**
   * The body of a request.
   *
   * @throws {EngineError} `corrupt-state` when it is no longer kept.
   */
  bodyOf(message: Pick<RawMessage, 'body'>): Promise<Buffer>;
}
