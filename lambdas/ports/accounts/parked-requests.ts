import type { RawMessage } from '../../contracts/messages.ts';
import type { Page } from './account-store.ts';

/** Accepted requests that name an account which does not exist yet. */
export interface RequestParking {
  /** Keep a request under each value that no account has. Parking it again changes nothing. */
  park(integration: string, values: readonly string[], message: RawMessage): Promise<void>;
}

export interface ParkedRequest {
  readonly message: RawMessage;
  /** Whether it waited for longer than requests are kept: the store deletes it days late. */
  readonly isExpired: boolean;
}

export interface ParkedRequests {
  /**
   * A page of the requests that wait for a value, oldest first, and expired ones among them.
   *
   * @param after - `next` of the page before.
   */
  list(integration: string, value: string, limit: number, after: string | undefined): Promise<Page<ParkedRequest>>;
  remove(integration: string, value: string, rawId: string): Promise<void>;
}
