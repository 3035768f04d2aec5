import { candidateVersion } from '../../engine/definition/candidate-version.ts';
import type { AccountDirectory, CanaryMode } from '../../ports/accounts/account-store.ts';
import type { CanaryCounts, CanaryDifference, CanaryReader } from '../../ports/accounts/canary-log.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';

export interface DescribeCanaryPorts {
  readonly integrations: IntegrationCatalog;
  readonly candidates: Pick<IntegrationCatalog, 'get'>;
  readonly settings: IntegrationSettingsStore;
  readonly accounts: Pick<AccountDirectory, 'find'>;
  readonly canaries: CanaryReader;
}

export interface TriedAccount {
  readonly id: string;
  readonly tenant: string;
  /** What the account's row says; undefined if the account was deleted and created again since. */
  readonly mode: CanaryMode | undefined;
  readonly counts: CanaryCounts;
}

export interface DescribedCanary {
  /** Of the deployed candidate; undefined if there is none. */
  readonly version: string | undefined;
  readonly mode: CanaryMode | undefined;
  readonly accounts: readonly TriedAccount[];
  /** Newest first. */
  readonly differences: readonly (CanaryDifference & { readonly account: string })[];
}

/** Differences of one answer: each takes up to some tens of kilobytes. */
const maxDifferences = 50;
const none: CanaryCounts = { compared: 0, different: 0, failed: 0 };

/**
 * The trial of an integration's candidate: its accounts, its counts and what differed.
 *
 * @param tenant - Only accounts of this tenant; null for all.
 * @returns Undefined for an unknown integration.
 */
export async function describeCanary(
  ports: DescribeCanaryPorts,
  integration: string,
  tenant: string | null,
): Promise<DescribedCanary | undefined> {
  if ((await ports.integrations.get(integration)) === undefined) return undefined;
  const candidate = await ports.candidates.get(integration);
  const version = candidate === undefined ? undefined : candidateVersion(candidate);
  const canary = (await ports.settings.get(integration, 0))?.canary;
  const found = await Promise.all((canary?.accounts ?? []).map((id) => ports.accounts.find(id)));
  const accounts = found.filter(
    (account) =>
      account !== undefined &&
      account.closed !== true &&
      account.integration === integration &&
      (tenant === null || account.tenant === tenant),
  ) as NonNullable<(typeof found)[number]>[];
  const tenants = [...new Set(accounts.map((account) => account.tenant))];
  const trials =
    version === undefined
      ? []
      : (await Promise.all(tenants.map((one) => ports.canaries.list(one, integration, version)))).flat();
  const ids = new Set(accounts.map(({ id }) => id));
  const own = trials.filter(({ account }) => ids.has(account));
  return {
    version,
    mode: canary?.mode,
    accounts: accounts.map(({ id, tenant: owner, canary: mode }) => ({
      id,
      tenant: owner,
      mode,
      counts: own.find(({ account }) => account === id)?.counts ?? none,
    })),
    differences: own
      .flatMap(({ account, differences }) => differences.map((difference) => ({ ...difference, account })))
      .sort((one, other) => (one.at < other.at ? 1 : -1))
      .slice(0, maxDifferences),
  };
}
