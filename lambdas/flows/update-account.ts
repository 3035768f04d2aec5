import { EngineError } from '../contracts/engine-error.ts';
import { contextValues } from '../engine/mapping/context-values.ts';
import type { Account } from '../ports/account-store.ts';
import { arm, type CaptureRequest, findSecretsFault, type SecretsFault, withUrlToken } from './account-secrets.ts';
import { type AccountPorts, replayParked } from './create-account.ts';

/** What changes; what is left out stays. */
export interface AccountChange {
  /** By secret name; null takes a secret away. */
  readonly secrets?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  /** The whole context. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  /** Null stops waiting. */
  readonly capture?: CaptureRequest | null | undefined;
}

export type AccountUpdate =
  | { readonly kind: 'updated'; readonly account: Account }
  | { readonly kind: 'unknown-account' }
  | { readonly kind: 'unknown-integration' }
  | SecretsFault;

const maxAttempts = 4;

/** Change an account: rotate its secrets, say what it is known by, wait for a secret of its provider. */
export async function updateAccount(ports: AccountPorts, id: string, change: AccountChange): Promise<AccountUpdate> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await ports.accounts.find(id);
    // One whose tenant's data is being erased is as good as gone.
    if (before === undefined || before.closed === true) return { kind: 'unknown-account' };
    const integration = await ports.integrations.get(before.integration);
    if (integration === undefined) return { kind: 'unknown-integration' };
    const merged = Object.entries({ ...before.secrets, ...change.secrets }).filter(([, value]) => value !== null);
    const secrets = Object.fromEntries(merged) as Account['secrets'];
    const given = Object.fromEntries(Object.entries(change.secrets ?? {}).map(([name, value]) => [name, value ?? []]));
    const fault = findSecretsFault(integration, given, change.capture ?? undefined);
    if (fault !== undefined) return fault;
    const { capture, ...rest } = before;
    const account: Account = {
      ...rest,
      secrets: withUrlToken(integration, secrets, ports.randomness),
      context: change.context ?? before.context,
      ...(change.capture === undefined && capture !== undefined ? { capture } : {}),
      ...arm(change.capture ?? undefined, ports.clock),
    };
    const { routing } = integration;
    const valuesIn = (context: Account['context']) =>
      routing === undefined ? [] : contextValues(context[routing.account_context]);
    const known = valuesIn(before.context);
    const values = change.context === undefined ? [] : valuesIn(account.context);
    const added = values.filter((value) => !known.includes(value));
    // Before the account itself: a value that points to an account which does not hold it is passed over.
    if (added.length > 0) await ports.contexts.register(account.integration, added, account.id);
    if (!(await ports.accounts.replace(account))) continue;
    // Those that it had, too: whoever repeats a change that was cut off has what it left undone made up for.
    for (const context of values) await replayParked(ports, account.integration, context);
    return { kind: 'updated', account };
  }
  throw new EngineError('contended', 'the account is being changed', { retryable: true });
}
