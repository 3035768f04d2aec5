/** A value that a provider sends once. */
export interface NonceClaim {
  /** Whose it is: the account, or the integration for the URL that serves all. */
  readonly owner: string;
  readonly value: string;
  /** Hexadecimal SHA-256 of the body that it came with. */
  readonly bodySha256: string;
  readonly expiresAtEpochSeconds: number;
}

export interface NonceStore {
  /** @returns `taken` when it came before with another body; a repetition of the same request is `claimed`. */
  claim(nonce: NonceClaim): Promise<'claimed' | 'taken'>;
}
