/** Who is meant by a value that requests of an integration carry: a company id, a portal, a workspace. */
export interface AccountContexts {
  /**
   * Ids of the accounts that registered a value. Reads what is stored now. An id may be of an account that
   * was never completed: the account itself tells whether it holds the value.
   */
  find(integration: string, value: string): Promise<readonly string[]>;
}

export interface AccountContextRegistry {
  register(integration: string, values: readonly string[], account: string): Promise<void>;
}
