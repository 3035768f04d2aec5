import type { Account, AccountDirectory } from '../ports/account-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { IntegrationCatalog } from '../ports/integration-catalog.ts';
import type { Randomness } from '../ports/randomness.ts';

export interface AccountRequest {
  readonly id?: string | undefined;
  readonly tenant: string;
  readonly integration: string;
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly context: Readonly<Record<string, unknown>>;
}

export type AccountCreation =
  | { readonly kind: 'created'; readonly account: Account }
  | { readonly kind: 'exists' }
  | { readonly kind: 'unknown-integration' }
  | { readonly kind: 'undeclared-secrets'; readonly got: readonly string[]; readonly declared: readonly string[] };

/** Connect a tenant to an integration. Secrets go by the names that the integration declares. */
export async function createAccount(
  ports: {
    readonly accounts: AccountDirectory;
    readonly integrations: IntegrationCatalog;
    readonly clock: Clock;
    readonly randomness: Randomness;
  },
  request: AccountRequest,
): Promise<AccountCreation> {
  const integration = await ports.integrations.get(request.integration);
  if (integration === undefined) return { kind: 'unknown-integration' };
  const declared = Object.keys(integration.secrets);
  const got = Object.keys(request.secrets).filter((name) => !declared.includes(name));
  if (got.length > 0) return { kind: 'undeclared-secrets', got, declared };
  const account: Account = {
    id: request.id ?? `acc_${ports.randomness.bytes(12).toString('hex')}`,
    tenant: request.tenant,
    integration: request.integration,
    secrets: request.secrets,
    context: request.context,
    createdAt: new Date(ports.clock.nowMs()).toISOString(),
  };
  const result = await ports.accounts.create(account);
  return result === 'created' ? { kind: 'created', account } : { kind: 'exists' };
}
