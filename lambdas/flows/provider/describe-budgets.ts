import { budgetAt, roomIn } from '../../engine/provider/budget/admit-calls.ts';
import { type AppliedLimit, type BudgetState, maximumOf, newLimit } from '../../engine/provider/budget/budget-state.ts';
import { windowMsOf } from '../../engine/provider/budget/limit-window.ts';
import { scopesOf } from './budget-scopes.ts';
import { apiOf, type Caller, type ProviderPorts } from './provider-ports.ts';

/** What is left of an account's limits, who waits for them, and until when they are blocked. */
export async function describeBudgets({ budgets, clock }: ProviderPorts, caller: Caller) {
  const { account } = caller;
  const nowMs = clock.nowMs();
  const scopes = await Promise.all(
    scopesOf(caller, apiOf(caller).limits).map(async ({ scope, limits }) => ({
      limits,
      state: budgetAt(await budgets.read(scope), limits, nowMs),
    })),
  );
  const own = scopes[0]?.state;
  return {
    account: account.id,
    in_flight: own?.flights.length ?? 0,
    blocked_until: isoOrNull(latest(scopes.map(({ state }) => state.blocks['*']))),
    limits: scopes.flatMap(({ limits, state }) => limits.map((limit) => limitView(limit, state, nowMs))),
    waiting: Object.entries(own?.waiting ?? {}).map(([priority, { sinceMs, calls }]) => ({
      priority: priority as 'webhook' | 'read' | 'poll' | 'backfill',
      calls,
      since: new Date(sinceMs).toISOString(),
    })),
  };
}

/**
 * What is left of the limit that is used up most, as this process last knew it: no request is made for it. Undefined
 * where it has made no call for the account.
 */
export function budgetLeftPercent(
  { budgets, clock }: Pick<ProviderPorts, 'budgets' | 'clock'>,
  caller: Caller,
): number | undefined {
  const nowMs = clock.nowMs();
  const shares = scopesOf(caller, apiOf(caller).limits).flatMap(({ scope, limits }) => {
    const known = budgets.remembered(scope);
    if (known === undefined) return [];
    const state = budgetAt(known, limits, nowMs);
    return limits
      .filter(({ spec }) => spec.concurrent === undefined)
      .map((limit) => {
        const maximum = maximumOf(limit, state.limits[limit.spec.name] ?? newLimit);
        return maximum === 0 ? 0 : (100 * Math.max(0, roomIn(limit, state, 'webhook', nowMs))) / maximum;
      });
  });
  return shares.length === 0 ? undefined : Math.round(Math.min(...shares));
}

function limitView(limit: AppliedLimit, state: BudgetState, nowMs: number) {
  const { spec } = limit;
  const known = state.limits[spec.name] ?? newLimit;
  const windowMs = windowMsOf(spec);
  return {
    name: spec.name,
    kind:
      spec.concurrent !== undefined
        ? ('concurrent' as const)
        : spec.bucket !== undefined
          ? ('bucket' as const)
          : ('calls' as const),
    scope: spec.scope,
    maximum: maximumOf(limit, known),
    remaining: Math.max(0, Math.floor(roomIn(limit, state, 'webhook', nowMs))),
    per_seconds: windowMs === undefined ? null : windowMs / 1000,
    resets_at: isoOrNull(known.resetAtMs),
    blocked_until: isoOrNull(state.blocks[spec.name]),
  };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
