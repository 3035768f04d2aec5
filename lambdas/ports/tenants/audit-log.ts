import type { Page } from '../accounts/account-store.ts';

/** One call that changed something, or tried to. */
export interface AuditEntry {
  /** Sorts by time. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly operation: string;
  /** `<kind>/<id>`. */
  readonly object: string;
  /** Whose the object is; null for what concerns all tenants. */
  readonly tenant: string | null;
  readonly actor: { readonly key: string; readonly token: string | null };
  readonly source: { readonly ip: string | null; readonly user_agent: string | null; readonly request_id: string };
  /** How it was answered; null before it was. */
  readonly status: number | null;
  /** Members of the request's body. */
  readonly fields: readonly string[];
  /** Without secrets; null where there was none, or where it is not known. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface AuditQuery {
  /** Undefined for all. */
  readonly tenant: string | undefined;
  /** ISO 8601, inclusive. */
  readonly since: string;
  /** ISO 8601, exclusive. */
  readonly until: string;
  readonly limit: number;
  /** Id of the last entry of the page before. */
  readonly after: string | undefined;
}

/** Entries are added and completed, never changed or removed. */
export interface AuditLog {
  /** Before anything is done. */
  begin(entry: AuditEntry): Promise<void>;
  /** How it ended. An entry that has ended stays as it is. */
  end(entry: AuditEntry): Promise<void>;
  /** An entry that has begun and ended, once: where its id is at its time already, nothing is written. */
  note(entry: AuditEntry): Promise<void>;
  /** Newest first. A page may be short without being the last. */
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
}
