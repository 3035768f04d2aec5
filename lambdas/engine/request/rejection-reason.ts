/** Why a request was rejected; the answer shows the reason, never the expected value. */
export type RejectionReason =
  | 'secret-not-configured'
  | 'key-unusable'
  | 'key-unknown'
  /** The request names its key with a malformed id, so the engine does not ask the provider. */
  | 'key-id-malformed'
  /** At a shared URL that verifies with secrets of accounts: no account that the request names verifies it. */
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

/** The reason for a missing part of a request: a header, or another source. */
export function missingReason(source: string): RejectionReason {
  return /^\{?headers?\./.test(source) ? 'header-missing' : 'value-missing';
}
