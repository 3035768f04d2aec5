/** A nonce: a value that a provider uses for one request only. */
export interface NonceClaim {
  /** The account, or the integration for the URL that serves all accounts. */
  readonly owner: string;
  readonly value: string;
  /** Hexadecimal SHA-256 of the request's body. */
  readonly bodySha256: string;
  readonly expiresAtEpochSeconds: number;
}

export interface NonceStore {
  /** @returns `taken` if an earlier request used it with another body; a repeat of the same request is `claimed`. */
  claim(nonce: NonceClaim): Promise<'claimed' | 'taken'>;
}
