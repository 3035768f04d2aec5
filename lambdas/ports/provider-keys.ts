import type { KeyRequest } from '../engine/verification/key-request.ts';

/** The public keys that providers publish. */
export interface ProviderKeys {
  /**
   * @param maxAgeMs - How old a remembered key may be. That there is none is remembered for a minute.
   * @returns PEM or JWK texts; none where the provider has no such key, or none that can be trusted.
   * @throws {provider-unavailable} when the provider does not answer.
   */
  find(request: KeyRequest, maxAgeMs: number): Promise<readonly string[]>;
}
