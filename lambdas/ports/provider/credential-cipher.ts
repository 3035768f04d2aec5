/** The owner of credentials. */
export interface CredentialContext {
  readonly tenant: string;
  readonly account: string;
}

/** Encrypts the credentials of accounts. What is sealed for one tenant and account cannot be opened for another. */
export interface CredentialCipher {
  /**
   * @returns Base64 text.
   * @throws {storage-unavailable} retryable, when the key service does not answer or refuses the call.
   */
  seal(plain: Readonly<Record<string, unknown>>, context: CredentialContext): Promise<string>;
  /**
   * @throws {corrupt-state} when the text was not sealed for this context.
   * @throws {storage-unavailable} retryable, when the key service does not answer or refuses the call.
   */
  open(sealed: string, context: CredentialContext): Promise<Readonly<Record<string, unknown>>>;
}
