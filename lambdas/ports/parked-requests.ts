import type { RawMessage } from '../contracts/messages.ts';

/** Accepted requests that name an account which does not exist yet. */
export interface RequestParking {
  /** Keep a request under each value that nobody registered. Parking it again changes nothing. */
  park(integration: string, values: readonly string[], message: RawMessage): Promise<void>;
}

export interface ParkedRequests {
  /** Requests that wait for a value, oldest first; at most `limit`. */
  list(integration: string, value: string, limit: number): Promise<readonly RawMessage[]>;
  remove(integration: string, value: string, rawId: string): Promise<void>;
}
