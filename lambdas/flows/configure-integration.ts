import type { IntegrationCatalog } from '../ports/integration-catalog.ts';
import type { IntegrationSettings, IntegrationSettingsDirectory } from '../ports/integration-settings-store.ts';

export type Configuration =
  | { readonly kind: 'configured' }
  | { readonly kind: 'unknown-integration' }
  /** The definition has no routing: its requests come by the URL of an account. */
  | { readonly kind: 'not-shared' }
  | { readonly kind: 'undeclared-secrets'; readonly got: readonly string[]; readonly declared: readonly string[] };

/** Set what serves all accounts of an integration: the secrets of its one URL. */
export async function configureIntegration(
  ports: { readonly integrations: IntegrationCatalog; readonly settings: IntegrationSettingsDirectory },
  settings: IntegrationSettings,
): Promise<Configuration> {
  const definition = await ports.integrations.get(settings.integration);
  if (definition === undefined) return { kind: 'unknown-integration' };
  if (definition.routing === undefined) return { kind: 'not-shared' };
  const declared = Object.keys(definition.secrets);
  const got = Object.keys(settings.secrets).filter((name) => !declared.includes(name));
  if (got.length > 0) return { kind: 'undeclared-secrets', got, declared };
  await ports.settings.put(settings);
  return { kind: 'configured' };
}
