/** What serves all accounts of an integration: the secrets of its one URL. */
export interface IntegrationSettings {
  readonly integration: string;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
}

export interface IntegrationSettingsStore {
  /** @param maxAgeMs - How old a remembered answer may be; 0 reads what is stored now. Absence is never remembered. */
  get(integration: string, maxAgeMs: number): Promise<IntegrationSettings | undefined>;
}

export interface IntegrationSettingsDirectory {
  put(settings: IntegrationSettings): Promise<void>;
}
