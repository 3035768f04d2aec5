import type { Page } from '../accounts/account-store.ts';

/** A call that changed something, or tried to. */
export interface AuditEntry {
  /** Sorts by time. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly operation: string;
  /** `<kind>/<id>`. */
  readonly object: string;
  /** Owner of the object; null for an object of all tenants. */
  readonly tenant: string | null;
  readonly actor: { readonly key: string; readonly token: string | null };
  readonly source: { readonly ip: string | null; readonly user_agent: string | null; readonly request_id: string };
  /** Status of the answer; null until the call ends. */
  readonly status: number | null;
  /** Names of the members in the request's body. */
  readonly fields: readonly string[];
  /** Without secrets; null if there was no object, or if its state is unknown. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface AuditQuery {
  /** Undefined for all tenants. */
  readonly tenant: string | undefined;
  /** ISO 8601, inclusive. */
  readonly since: string;
  /** ISO 8601, exclusive. */
  readonly until: string;
  readonly limit: number;
  /** Id of the last entry of the page before. */
  readonly after: string | undefined;
}

/** Append-only: entries are added and completed, never changed or removed. */
export interface AuditLog {
  /** Add an entry before the call does anything. */
  begin(entry: AuditEntry): Promise<void>;
  /** Complete an entry. A completed entry stays as is. */
  end(entry: AuditEntry): Promise<void>;
  /** Add a complete entry, once: if an entry with its id and time exists, nothing is written. */
  note(entry: AuditEntry): Promise<void>;
  /** Newest first. A page may be short without being the last. */
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
}
