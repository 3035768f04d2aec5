import type { KeyRequest } from '../verification/keys/key-request.ts';

/** A provider's request as it was received. */
export interface WebhookRequest {
  readonly method: string;
  /** The public URL as the provider called it, query included: some schemes sign it. */
  readonly url: string;
  readonly path: string;
  /** Lower-case names; repeated headers are joined by a comma, as API Gateway does. */
  readonly headers: Readonly<Record<string, string>>;
  /** Raw query string, without the question mark. */
  readonly query: string;
  readonly body: Buffer;
}

/** Values by secret name; a list while a secret rotates. */
export type SecretValues = Readonly<Record<string, string | readonly string[]>>;

/** Why a request was turned away: told to the caller, never with the expected value. */
export type RejectionReason =
  | 'secret-not-configured'
  | 'key-unusable'
  | 'key-unknown'
  /** What a request names its key by does not look like one: the provider is not asked. */
  | 'key-id-malformed'
  /** At a URL that verifies with secrets of accounts: it verifies with those of none that it names. */
  | 'account-unverified'
  | 'url-not-allowed'
  | 'capture-not-armed'
  | 'nonce-replayed'
  | 'header-missing'
  | 'value-missing'
  | 'no-known-signature-version'
  | 'signature-malformed'
  | 'signature-mismatch'
  | 'token-malformed'
  | 'token-mismatch'
  | 'claim-mismatch'
  | 'items-missing'
  | 'timestamp-malformed'
  | 'timestamp-too-old'
  | 'timestamp-in-the-future';

export type Verdict =
  | { readonly kind: 'verified' }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason; readonly detail?: string }
  /** Undecided: the provider's key has to be fetched first, and the checks run again. */
  | {
      readonly kind: 'key-needed';
      readonly request: KeyRequest;
      /** Secret in which an account may keep the key instead. */
      readonly pinned: string;
    };
