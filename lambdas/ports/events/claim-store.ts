/** Payloads too large for a row or a message (claim check). */
export interface ClaimStore {
  /** @param retentionDays - Where it is shorter than that of the store. The object is there for at least as long. */
  put(key: string, content: Buffer, contentType: string, retentionDays?: number): Promise<void>;
  /** @throws {EngineError} `corrupt-state` when there is no such object. */
  get(key: string): Promise<Buffer>;
}
