import type { KeyRequest } from '../../engine/verification/keys/key-request.ts';

export interface KeySearch {
  /** How old a remembered key may be. That there is none is remembered for a minute. */
  readonly maxAgeMs: number;
  /** Whose URL the request came by: an account, or an integration. Calls for keys that are not known are counted for it. */
  readonly owner: string;
}

export type KeysFound =
  /** PEM or JWK texts; none where the provider has no such key, or none that can be trusted. */
  | { readonly kind: 'found'; readonly keys: readonly string[] }
  /** Too many unknown keys were asked for: no call was made. */
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** The public keys that providers publish. */
export interface ProviderKeys {
  /** @throws {provider-unavailable} when the provider does not answer. */
  find(request: KeyRequest, search: KeySearch): Promise<KeysFound>;
}
