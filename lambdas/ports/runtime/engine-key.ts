/**
 * The secret of a deployment, by which the engine recognizes what it wrote itself: cursors that callers bring back,
 * hop counts that come back with a callback.
 */
export interface EngineKey {
  /**
   * A key for one purpose. Keys of two purposes are unrelated.
   *
   * @param purpose - Such as `cursor`, the same on every call.
   * @returns 32 bytes, the same for every function of the deployment, for as long as it lives.
   */
  derive(purpose: string): Promise<Buffer>;
}
