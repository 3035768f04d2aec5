/** An API key as it is stored: never the key itself. */
export interface ApiKey {
  readonly id: string;
  /** Hexadecimal SHA-256 of the key's secret part. */
  readonly secretSha256: string;
  /** Null for a key that may act for every tenant. */
  readonly tenant: string | null;
}

export interface ApiKeyStore {
  find(id: string): Promise<ApiKey | undefined>;
}
