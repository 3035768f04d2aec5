import type { AppliedLimit } from '../../engine/provider/budget/budget-state.ts';
import type { LimitSpec } from '../../engine/provider/language/limits-schema.ts';
import type { ScopeLimits } from './budgets.ts';
import { apiOf, type Caller } from './provider-ports.ts';

/**
 * The budgets that count a call of an account: its own, and that of the vendor's app, which the accounts of all tenants
 * share, where the definition has one.
 *
 * @param specs - The limits that count the call.
 */
export function scopesOf(caller: Caller, specs: readonly LimitSpec[]): readonly ScopeLimits[] {
  const { account } = caller;
  const api = apiOf(caller);
  const ofScope = (scope: LimitSpec['scope']): readonly AppliedLimit[] =>
    specs
      .filter((spec) => spec.scope === scope)
      .map((spec) => ({ spec, share: scope === 'account' ? (account.share ?? 1) : 1, reserve: api.reserve }));
  const hasApp = api.limits.some(({ scope }) => scope === 'app') || api.errors.some(({ scope }) => scope === 'app');
  const own: ScopeLimits = { of: 'account', scope: account.id, limits: ofScope('account'), isHeard: true };
  if (!hasApp) return [own];
  // A host that the account names says nothing that stops the accounts of others.
  const isHeard = account.baseUrl === undefined && !api.base_url.startsWith('{');
  return [own, { of: 'app', scope: `app ${account.integration}`, limits: ofScope('app'), isHeard }];
}
