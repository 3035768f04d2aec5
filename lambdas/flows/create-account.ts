import { contextValues } from '../engine/mapping/lookup-context.ts';
import type { AccountContextRegistry } from '../ports/account-contexts.ts';
import type { Account, AccountDirectory } from '../ports/account-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { IntegrationCatalog } from '../ports/integration-catalog.ts';
import type { ParkedRequests } from '../ports/parked-requests.ts';
import type { RawQueue } from '../ports/queues.ts';
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
    readonly contexts: AccountContextRegistry;
    readonly parked: ParkedRequests;
    readonly rawQueue: RawQueue;
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
  const { routing } = integration;
  const contexts = routing === undefined ? [] : contextValues(account.context[routing.account_context]);
  // Before the account itself: a value that points to an account which does not hold it is passed over.
  if (contexts.length > 0) await ports.contexts.register(account.integration, contexts, account.id);
  const result = await ports.accounts.create(account);
  if (result === 'exists') return { kind: 'exists' };
  for (const context of contexts) await replayParked(ports, account.integration, context);
  return { kind: 'created', account };
}

/** Requests that are replayed in one go. */
const replayPage = 25;

/** Send again what waited for a context. What is sent twice is published once: it has the ids that it has. */
async function replayParked(
  ports: { readonly parked: ParkedRequests; readonly rawQueue: RawQueue },
  integration: string,
  context: string,
): Promise<void> {
  for (;;) {
    const requests = await ports.parked.list(integration, context, replayPage);
    await Promise.all(
      requests.map(async (request) => {
        await ports.rawQueue.send(request);
        await ports.parked.remove(integration, context, request.rawId);
      }),
    );
    if (requests.length < replayPage) return;
  }
}
