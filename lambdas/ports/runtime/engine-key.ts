/**
 * The secret of a deployment. The engine uses it to authenticate its own output when it returns: cursors from callers,
 * and hop counts in callbacks.
 */
export interface EngineKey {
  /**
   * Derive a key for one purpose. Keys of different purposes are unrelated.
   *
   * @param purpose - A constant, such as `cursor`.
   * @returns 32 bytes, the same in every function, for the life of the deployment.
   */
  derive(purpose: string): Promise<Buffer>;
}
