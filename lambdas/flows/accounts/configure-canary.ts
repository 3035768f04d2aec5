import { EngineError } from '../../contracts/engine-error.ts';
import type { AccountDirectory, CanaryMode } from '../../ports/accounts/account-store.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type {
  CanarySettings,
  IntegrationSettings,
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../ports/accounts/integration-settings-store.ts';

export interface ConfigureCanaryPorts {
  readonly integrations: IntegrationCatalog;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly accounts: Pick<AccountDirectory, 'find' | 'replace'>;
}

export type CanaryConfiguration =
  | { readonly kind: 'configured'; readonly settings: IntegrationSettings }
  | { readonly kind: 'unknown-integration' }
  /** No account of the integration has this id. */
  | { readonly kind: 'unknown-account'; readonly index: number; readonly id: string };

const maxAttempts = 4;

/**
 * Name the accounts on which the candidate of an integration is tried; null ends the trial.
 *
 * The settings list the accounts, and each account's row says that it is tried, where every function finds it without
 * another request. Repeating an interrupted call completes it: the settings keep the accounts that are still to be told.
 *
 *   1. settings: new accounts and leaving ones   crash: a repetition finds both
 *   2. rows of accounts                          crash: as after 1
 *   3. settings: new accounts only
 */
export async function configureCanary(
  ports: ConfigureCanaryPorts,
  integration: string,
  canary: CanarySettings | null,
): Promise<CanaryConfiguration> {
  if ((await ports.integrations.get(integration)) === undefined) return { kind: 'unknown-integration' };
  const wanted = canary?.accounts ?? [];
  for (const [index, id] of wanted.entries()) {
    const account = await ports.accounts.find(id);
    if (account === undefined || account.closed === true || account.integration !== integration)
      return { kind: 'unknown-account', index, id };
  }
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = (await ports.settings.get(integration, 0)) ?? { integration, secrets: {}, revision: 0 };
    const leaving = [...(before.canary?.accounts ?? []), ...(before.canary?.leaving ?? [])].filter(
      (id) => !wanted.includes(id),
    );
    const noted = withCanary(before, { ...(canary ?? { accounts: [], mode: 'compare' }), leaving });
    if (!(await ports.settings.replace(noted))) continue;
    for (const id of leaving) await tellAccount(ports, integration, id, undefined);
    for (const id of wanted) await tellAccount(ports, integration, id, canary?.mode);
    const told = withCanary({ ...noted, revision: before.revision + 1 }, canary ?? undefined);
    if (!(await ports.settings.replace(told))) continue;
    return { kind: 'configured', settings: { ...told, revision: told.revision + 1 } };
  }
  throw new EngineError('contended', 'the settings are being changed', { retryable: true });
}

function withCanary(settings: IntegrationSettings, canary: CanarySettings | undefined): IntegrationSettings {
  const { canary: _, ...rest } = settings;
  return { ...rest, ...(canary === undefined ? {} : { canary }) };
}

async function tellAccount(
  { accounts }: ConfigureCanaryPorts,
  integration: string,
  id: string,
  mode: CanaryMode | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const account = await accounts.find(id);
    // Deleted meanwhile, or another account with the same id.
    if (account === undefined || account.closed === true || account.integration !== integration) return;
    if (account.canary === mode) return;
    const { canary: _, ...rest } = account;
    if (await accounts.replace({ ...rest, ...(mode === undefined ? {} : { canary: mode }) })) return;
  }
  throw new EngineError('contended', 'the account is being changed', { retryable: true });
}
