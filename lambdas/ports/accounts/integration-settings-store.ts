import type { Capture } from './account-store.ts';

/** What serves all accounts of an integration: the secrets of its one URL. */
export interface IntegrationSettings {
  readonly integration: string;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  /** What is waited for; absent where that is nothing. */
  readonly capture?: Capture;
  /** Several tenants may have one value of the routing context, and each gets its events. */
  readonly sharedContexts?: true;
  /** Counts the writes, from 1. */
  readonly revision: number;
}

export interface IntegrationSettingsStore {
  /** @param maxAgeMs - How old a remembered answer may be; 0 reads what is stored now. Absence is never remembered. */
  get(integration: string, maxAgeMs: number): Promise<IntegrationSettings | undefined>;
}

export interface IntegrationSettingsDirectory {
  /**
   * @param settings - With the revision that was read; 0 where there was none.
   * @returns False when another caller wrote in between; nothing is changed then.
   */
  replace(settings: IntegrationSettings): Promise<boolean>;
}
