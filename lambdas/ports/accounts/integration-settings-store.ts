import type { CanaryMode, Capture } from './account-store.ts';

export interface CanarySettings {
  readonly accounts: readonly string[];
  readonly mode: CanaryMode;
  /** Accounts that left the trial and may not know it yet: a call that changes the trial was interrupted. */
  readonly leaving?: readonly string[] | undefined;
}

/** Settings for all accounts of an integration: the secrets of its one URL, and the trial of its candidate. */
export interface IntegrationSettings {
  readonly integration: string;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  /** Secrets that the integration waits for; absent if it waits for none. */
  readonly capture?: Capture;
  /** Address ranges (CIDR) from which requests to the one URL may come; absent for all. */
  readonly allowedRanges?: readonly string[];
  /** Several tenants may share one value of the routing context, and each gets its events. */
  readonly sharedContexts?: true;
  /** The accounts on which its candidate is tried. */
  readonly canary?: CanarySettings | undefined;
  /** Counts the writes, from 1. */
  readonly revision: number;
}

export interface IntegrationSettingsStore {
  /** @param maxAgeMs - How old a cached answer may be; 0 bypasses the cache. Missing settings are never cached. */
  get(integration: string, maxAgeMs: number): Promise<IntegrationSettings | undefined>;
}

export interface IntegrationSettingsDirectory {
  /**
   * @param settings - With the revision that was read; 0 if there were none.
   * @returns False if another caller wrote in between; then nothing changes.
   */
  replace(settings: IntegrationSettings): Promise<boolean>;
}
