/** Why a request was rejected: the caller is told, never with the expected value. */
export type RejectionReason =
  | 'secret-not-configured'
  | 'key-unusable'
  | 'key-unknown'
  /** The id by which a request names its key does not look like one: the provider is not asked. */
  | 'key-id-malformed'
  /** At a URL that verifies with the secrets of accounts: it verifies with those of none that it names. */
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

/** The reason for a missing part of a request: a header, or another source that the definition reads. */
export function missingReason(source: string): RejectionReason {
  return /^\{?headers?\./.test(source) ? 'header-missing' : 'value-missing';
}
