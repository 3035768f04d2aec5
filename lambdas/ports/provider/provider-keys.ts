import type { KeyRequest } from '../../engine/verification/keys/key-request.ts';

export interface KeySearch {
  /** How old a remembered key may be. The absence of a key is remembered for a minute. */
  readonly maxAgeMs: number;
  /** The account or integration whose URL the request was sent to. Calls for unknown keys count against its budget. */
  readonly owner: string;
}

export type KeysFound =
  /** PEM or JWK texts; empty when the provider has no such key, or none that can be trusted. */
  | { readonly kind: 'found'; readonly keys: readonly string[] }
  /** The budget for unknown keys is spent: no call was made. */
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** The public keys that providers publish. */
export interface ProviderKeys {
  /** @throws {provider-unavailable} when the provider does not answer. */
  find(request: KeyRequest, search: KeySearch): Promise<KeysFound>;
}
