/** Payloads too large for a row or a message (claim check). */
export interface ClaimStore {
  put(key: string, content: Buffer, contentType: string): Promise<void>;
  /** @throws {EngineError} `corrupt-state` when there is no such object. */
  get(key: string): Promise<Buffer>;
}
