/** Payloads too large for a row or a message (claim check). */
export interface ClaimStore {
  /** @param retentionDays - Only when shorter than the store's own. The object is kept for at least this long. */
  put(key: string, content: Buffer, contentType: string, retentionDays?: number): Promise<void>;
  /** @throws {EngineError} `corrupt-state` when the object does not exist. */
  get(key: string): Promise<Buffer>;
}
