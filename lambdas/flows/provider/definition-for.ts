import type { Definition } from '../../engine/definition/schema.ts';
import type { Account } from '../../ports/accounts/account-store.ts';

export interface DefinitionPorts {
  readonly definition: (integration: string) => Promise<Definition | undefined>;
  /** The candidate of an integration, if it has one. @default none */
  readonly candidate?: (integration: string) => Promise<Definition | undefined>;
}

/**
 * The definition by which an account's records are read: the candidate where the account uses it. Webhooks of such an
 * account are mapped by the candidate, too; a record that came both ways would otherwise change with each way.
 */
export async function definitionFor(
  { definition, candidate }: DefinitionPorts,
  { integration, canary }: Pick<Account, 'integration' | 'canary'>,
): Promise<Definition | undefined> {
  const used = canary === 'use' ? await candidate?.(integration) : undefined;
  return used ?? definition(integration);
}
