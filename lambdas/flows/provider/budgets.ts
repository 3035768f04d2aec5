import { type Admission, type Ask, admitCalls } from '../../engine/provider/budget/admit-calls.ts';
import type { AppliedLimit, BudgetState } from '../../engine/provider/budget/budget-state.ts';
import { type EndedCall, type SlowDown, settleCall } from '../../engine/provider/budget/settle-call.ts';
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
  readonly of: 'account' | 'app';
  /** Names the row of the budget. */
  readonly scope: string;
  readonly limits: readonly AppliedLimit[];
  /** Whether what answers say of limits counts here. */
  readonly isHeard: boolean;
}

/** How a call ended, and whose calls the provider wants slower. */
export interface Ending extends Omit<EndedCall, 'slowDown'> {
  readonly slowDown?: (SlowDown & { readonly of: ScopeLimits['of'] }) | undefined;
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
  settle(scopes: readonly ScopeLimits[], calls: readonly Ending[]): Promise<void>;
  /** What a scope knows now. */
  read(scope: string): Promise<BudgetState>;
  /** What this process knew of a scope last; undefined where it has not changed it. */
  remembered(scope: string): BudgetState | undefined;
}

/** Tries of one write while others write the same budget. */
const maxTries = 40;
/** Longest pause between two tries. */
const maxPauseMs = 120;
const maxRemembered = 200;
/** When to ask again for a budget that others write all the time. */
const contendedMs = 250;
/** Rounds of tries to count a call that has ended. Only its caller can: others count it when its lease ends. */
const settleRounds = 5;

/** Budgets in a store. Callers of one process take turns, so that they never lose to each other. */
export function createBudgets(ports: BudgetPorts): Budgets {
  const known = new Map<string, StoredBudget>();
  const change = createChanges(ports, known);
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
        if (back.length > 0 && place > 0) await settle(change, scopes.slice(0, place), back.map(notSent(ports.clock)));
        if (granted.length === 0) break;
      }
      return { granted, ...stop };
    },
    settle: (scopes, calls) => settle(change, scopes, calls),
    read: async (scope) => (await ports.budgets.read(scope)).state,
    remembered: (scope) => known.get(scope)?.state,
  };
}

const notSent =
  (clock: Clock) =>
  (id: string): Ending => ({ id, wasSent: false, endedAtMs: clock.nowMs(), observed: [] });

async function settle(change: Change, scopes: readonly ScopeLimits[], calls: readonly Ending[]): Promise<void> {
  if (calls.length === 0) return;
  await Promise.all(
    scopes.map(async (one) => {
      for (let round = 0; round < settleRounds; round += 1) {
        const isSettled = await change(one.scope, (state) => ({
          next: calls.reduce((current, call) => settleCall(current, one.limits, heardBy(one, call)), state),
          result: true,
        }));
        if (isSettled === true) return;
      }
    }),
  );
}

/** What a scope learns of a call: a refusal of one account's calls stops no other account. */
function heardBy({ of, isHeard }: ScopeLimits, { slowDown, ...call }: Ending): EndedCall {
  return {
    ...call,
    observed: isHeard ? call.observed : [],
    slowDown: slowDown?.of === of ? slowDown : undefined,
  };
}

/**
 * Changes one budget by what is decided on its state; the state is read again where another function wrote it.
 *
 * @returns Undefined where others wrote at each try.
 */
type Change = <T>(
  scope: string,
  decide: (state: BudgetState, nowMs: number) => { readonly next: BudgetState; readonly result: T },
) => Promise<T | undefined>;

function createChanges(
  { budgets, clock, pause, randomness }: BudgetPorts,
  remembered: Map<string, StoredBudget>,
): Change {
  const inTurn = createTurns();

  function remember(scope: string, stored: StoredBudget): void {
    remembered.delete(scope);
    remembered.set(scope, stored);
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
  }

  return (scope, decide) =>
    inTurn(scope, async () => {
      let stored = remembered.get(scope) ?? (await budgets.read(scope));
      for (let tried = 1; tried <= maxTries; tried += 1) {
        const { next, result } = decide(stored.state, clock.nowMs());
        const current = await budgets.write(scope, stored, next);
        if (current === undefined) {
          remember(scope, { state: next, revision: stored.revision + 1 });
          return result;
        }
        stored = current;
        await pause(Math.min(maxPauseMs, 5 * tried) * randomness.fraction());
      }
      remembered.delete(scope);
      return undefined;
    });
}

/** Steps of one scope, one after the other. */
function createTurns(): <T>(scope: string, step: () => Promise<T>) => Promise<T> {
  const turns = new Map<string, Promise<unknown>>();
  return async (scope, step) => {
    const before = turns.get(scope) ?? Promise.resolve();
    const own = before.then(step, step);
    const settled = own.catch(() => undefined);
    turns.set(scope, settled);
    await settled;
    if (turns.get(scope) === settled) turns.delete(scope);
    return own;
  };
}
