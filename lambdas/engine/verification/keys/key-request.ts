import type { OutboundCall } from '../../outbound/outbound-call.ts';

/**
 * A public key that a check needs and that its provider publishes.
 *
 * The engine does no IO: a check that lacks a key answers with this request, the caller fetches it, and
 * the checks run again with the key at hand.
 */
export type KeyRequest = {
  /** Digest of all that names the key: what its answer is remembered under. */
  readonly locator: string;
} & (
  | {
      readonly kind: 'certificate';
      readonly url: string;
      readonly names: readonly string[];
      /** Hosts, or domains where they begin with a dot, that may be asked over plain http for an issuer's certificate. */
      readonly issuers: readonly string[];
    }
  /** The keys of a set that have the id; all of them where there is no id. */
  | { readonly kind: 'jwks' | 'oidc'; readonly url: string; readonly keyId: string | undefined }
  /** `select` is the path to the key in the JSON answer; empty where the answer itself is the key. */
  | { readonly kind: 'call'; readonly call: OutboundCall; readonly select: readonly string[] }
);
