import { contextForCalls } from '../../engine/definition/context-for-calls.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { EnrichQueue } from '../../ports/events/queues.ts';
import type { CredentialCipher } from '../../ports/provider/credential-cipher.ts';
import type { CredentialStore } from '../../ports/provider/credential-store.ts';
import type { ProviderApi } from '../../ports/provider/provider-api.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Expressions } from '../../ports/runtime/expressions.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { Budgets } from './budgets.ts';

/** What calling a provider takes. */
export interface ProviderPorts {
  readonly budgets: Budgets;
  readonly credentials: CredentialStore;
  /** Have the tenant told what has become of an account's credentials. */
  readonly news: Pick<EnrichQueue, 'send'>;
  readonly cipher: CredentialCipher;
  readonly api: ProviderApi;
  readonly expressions: Expressions;
  readonly clock: Clock;
  readonly pause: Pause;
  readonly randomness: Randomness;
}

/** The account for which a provider is called, and its definition. */
export interface Caller {
  readonly account: Account;
  readonly definition: Definition;
}

/** An account as a caller: its context has the defaults of the definition. */
export function toCaller(account: Account, definition: Definition): Caller {
  return { account: { ...account, context: contextForCalls(definition, account.context) }, definition };
}

/** The definition of a caller has an API. @throws {TypeError} for one that cannot be called. */
export function apiOf({ definition }: Caller) {
  if (definition.api === undefined) throw new TypeError(`${definition.name} has no api`);
  return definition.api;
}

/** Owner of the expressions that read a provider's answers. */
export function expressionOwner({ account }: Caller): string {
  return `${account.integration} ${account.id}`;
}
