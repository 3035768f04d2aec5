import { type Admission, type Ask, admitCalls } from '../../engine/provider/budget/admit-calls.ts';
import type { AppliedLimit, BudgetState } from '../../engine/provider/budget/budget-state.ts';
import { type EndedCall, settleCall } from '../../engine/provider/budget/settle-call.ts';
import type { BudgetStore, StoredBudget } from '../../ports/provider/budget-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

export interface BudgetPorts {
  readonly budgets: BudgetStore;
  readonly clock: Clock;
  readonly pause: Pause;
  readonly randomness: Randomness;
}

/** The limits of one scope that count a call. */
export interface ScopeLimits {
  /** Names the row of the budget. */
  readonly scope: string;
  readonly limits: readonly AppliedLimit[];
}

export interface BudgetAsk extends Pick<Ask, 'ids' | 'priority' | 'names' | 'cost' | 'leaseMs'> {
  readonly scopes: readonly ScopeLimits[];
}

export interface BudgetGrant {
  readonly granted: readonly string[];
  /** When to ask again for the others, epoch milliseconds; undefined where all are granted. */
  readonly askAgainAtMs: number | undefined;
  /** The limit or the block that stops the others, by name. */
  readonly stoppedBy: string | undefined;
}

/** Budgets of accounts and apps, over all functions together. */
export interface Budgets {
  /** Take calls from every scope, or as many as all of them grant. */
  take(ask: BudgetAsk): Promise<BudgetGrant>;
  /** Count calls that have ended. */
  settle(scopes: readonly ScopeLimits[], calls: readonly EndedCall[]): Promise<void>;
  /** What a scope knows now. */
  read(scope: string): Promise<BudgetState>;
}

/** Tries of one write while others write the same budget. */
const maxTries = 40;
/** Longest pause between two tries. */
const maxPauseMs = 120;
const maxRemembered = 200;
/** When to ask again for a budget that others write all the time. */
const contendedMs = 250;

/** Budgets in a store. Callers of one process take turns, so that they never lose to each other. */
export function createBudgets(ports: BudgetPorts): Budgets {
  const turns = new Map<string, Promise<unknown>>();
  const remembered = new Map<string, StoredBudget>();

  async function inTurn<T>(scope: string, step: () => Promise<T>): Promise<T> {
    const before = turns.get(scope) ?? Promise.resolve();
    const own = before.then(step, step);
    const settled = own.catch(() => undefined);
    turns.set(scope, settled);
    await settled;
    if (turns.get(scope) === settled) turns.delete(scope);
    return own;
  }

  /** @returns Undefined where others wrote at each try. */
  async function change<T>(
    scope: string,
    decide: (state: BudgetState, nowMs: number) => { readonly next: BudgetState; readonly result: T },
  ): Promise<T | undefined> {
    return inTurn(scope, async () => {
      let stored = remembered.get(scope) ?? (await ports.budgets.read(scope));
      for (let tried = 1; tried <= maxTries; tried += 1) {
        const { next, result } = decide(stored.state, ports.clock.nowMs());
        const current = await ports.budgets.write(scope, stored, next);
        if (current === undefined) {
          remember(scope, { state: next, revision: stored.revision + 1 });
          return result;
        }
        stored = current;
        await ports.pause(Math.min(maxPauseMs, 5 * tried) * ports.randomness.fraction());
      }
      remembered.delete(scope);
      return undefined;
    });
  }

  function remember(scope: string, stored: StoredBudget): void {
    remembered.delete(scope);
    remembered.set(scope, stored);
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
  }

  const giveBack = async (scopes: readonly ScopeLimits[], ids: readonly string[]): Promise<void> => {
    const endedAtMs = ports.clock.nowMs();
    await settle(
      scopes,
      ids.map((id) => ({ id, wasSent: false, endedAtMs, observed: [] })),
    );
  };

  async function settle(scopes: readonly ScopeLimits[], calls: readonly EndedCall[]): Promise<void> {
    if (calls.length === 0) return;
    await Promise.all(
      scopes.map(({ scope, limits }) =>
        change(scope, (state) => ({
          next: calls.reduce((current, call) => settleCall(current, limits, call), state),
          result: true,
        })),
      ),
    );
  }

  return {
    async take({ scopes, ids, ...ask }) {
      let granted = ids;
      let stop: Pick<BudgetGrant, 'askAgainAtMs' | 'stoppedBy'> = { askAgainAtMs: undefined, stoppedBy: undefined };
      for (const [place, { scope, limits }] of scopes.entries()) {
        const wanted = granted;
        const admission = await change<Admission>(scope, (state, nowMs) => {
          const result = admitCalls(state, { ...ask, ids: wanted, limits, nowMs });
          return { next: result.next, result };
        });
        granted = admission?.granted ?? [];
        if (admission === undefined || admission.askAgainAtMs !== undefined)
          stop = {
            askAgainAtMs: Math.max(
              stop.askAgainAtMs ?? 0,
              admission?.askAgainAtMs ?? ports.clock.nowMs() + contendedMs,
            ),
            stoppedBy: admission?.stoppedBy ?? 'contended',
          };
        const back = wanted.filter((id) => !granted.includes(id));
        if (back.length > 0 && place > 0) await giveBack(scopes.slice(0, place), back);
        if (granted.length === 0) break;
      }
      return { granted, ...stop };
    },
    settle,
    read: async (scope) => (await ports.budgets.read(scope)).state,
  };
}

/** The scopes of a call's limits: the account's own, and the app's where there are such. */
export function scopesOf(
  limits: readonly AppliedLimit[],
  { account, integration }: { readonly account: string; readonly integration: string },
): readonly ScopeLimits[] {
  const own = limits.filter(({ spec }) => spec.scope === 'account');
  const shared = limits.filter(({ spec }) => spec.scope === 'app');
  return [
    { scope: account, limits: own },
    ...(shared.length === 0 ? [] : [{ scope: `app ${integration}`, limits: shared }]),
  ];
}
