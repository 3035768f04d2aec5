import { createPrograms } from '../../../lambdas/engine/programs/programs.ts';
import type { ReadAnswer } from '../../../lambdas/engine/provider/answer/read-answer.ts';
import { newBudget } from '../../../lambdas/engine/provider/budget/budget-state.ts';
import type { BudgetStore, StoredBudget } from '../../../lambdas/ports/provider/budget-store.ts';
import type { CredentialCipher } from '../../../lambdas/ports/provider/credential-cipher.ts';
import type { CredentialStore, StoredCredentials } from '../../../lambdas/ports/provider/credential-store.ts';
import type { Expressions } from '../../../lambdas/ports/runtime/expressions.ts';

/** Credentials never leave this process, so nothing encrypts them. */
export const plainCipher: CredentialCipher = {
  seal: async (plain) => JSON.stringify(plain),
  open: async (sealed) => JSON.parse(sealed) as Readonly<Record<string, unknown>>,
};

/** Runs the engine's programs in this process: the expressions are the author's own. */
export function createExpressions(onRead: (read: ReadAnswer) => void = () => {}): Expressions {
  const programs = createPrograms();
  return {
    async run(program, argument) {
      const result = await (programs[program] as (argument: unknown) => Promise<never>)(argument);
      if (program === 'readAnswer') onRead(result);
      return { kind: 'ended', result };
    },
  };
}

/** Budgets of one process. */
export function createBudgetStore(): BudgetStore {
  const stored = new Map<string, StoredBudget>();
  const read = (scope: string): StoredBudget => stored.get(scope) ?? { state: newBudget, revision: 0 };
  return {
    read: async (scope) => read(scope),
    async write(scope, { revision }, state) {
      stored.set(scope, { state, revision: revision + 1 });
      return undefined;
    },
  };
}

/** Credentials of one process. */
export function createCredentialStore(): CredentialStore {
  const stored = new Map<string, StoredCredentials>();
  return {
    get: async (account) => stored.get(account),
    getMany: async (accounts) => accounts.flatMap((account) => stored.get(account) ?? []),
    async replace(credentials) {
      const next = { ...credentials, revision: credentials.revision + 1 };
      stored.set(credentials.account, next);
      return next;
    },
    async remove(account) {
      stored.delete(account);
    },
  };
}
