import type { RawMessage } from '../../contracts/messages.ts';
import type { Page } from './account-store.ts';

/** Accepted requests that name an account which does not exist yet. */
export interface RequestParking {
  /** Store a request under each of the values, which no account has. Parking it again changes nothing. */
  park(integration: string, values: readonly string[], message: RawMessage): Promise<void>;
}

export interface ParkedRequest {
  readonly message: RawMessage;
  /** Whether its retention has ended; the store may delete it days later. */
  readonly isExpired: boolean;
}

export interface ParkedRequests {
  /**
   * A page of the requests parked under a value, oldest first, expired ones included.
   *
   * @param after - `next` of the page before.
   */
  list(integration: string, value: string, limit: number, after: string | undefined): Promise<Page<ParkedRequest>>;
  remove(integration: string, value: string, rawId: string): Promise<void>;
}
