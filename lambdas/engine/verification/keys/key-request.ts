import type { OutboundCall } from '../../outbound/outbound-call.ts';

/**
 * A request for a public key that a check needs and that its provider publishes.
 *
 * The engine does no IO. A check that lacks a key returns this request; the caller fetches the key and runs
 * the checks again with it.
 */
export type KeyRequest = {
  /** Digest of all parts that identify the key; cache key of the answer. */
  readonly locator: string;
} & (
  | {
      readonly kind: 'certificate';
      readonly url: string;
      readonly names: readonly string[];
      /** Hosts, or domains that start with a dot, from which to fetch an issuer's certificate over plain http. */
      readonly issuers: readonly string[];
    }
  /** The keys of a set with this id; all keys without an id. */
  | { readonly kind: 'jwks' | 'oidc'; readonly url: string; readonly keyId: string | undefined }
  /** `select` is the path to the key in the JSON answer; empty if the answer itself is the key. */
  | { readonly kind: 'call'; readonly call: OutboundCall; readonly select: readonly string[] }
);
