import { limitsOf } from '../../engine/definition/plan-answer.ts';
import { scopesOf } from './budget-scopes.ts';
import type { Caller, ProviderPorts } from './provider-ports.ts';
import { tokenTimeoutMs } from './request-token.ts';

/** The name by which limits count requests for tokens (`of: [token]`), and by which a pause of them is kept. */
export const tokenName = 'token';
/** A request for a token has ended by then, with the writes after it. */
const leaseMs = tokenTimeoutMs + 20_000;

export type TokenBudget =
  | {
      readonly kind: 'granted';
      /** @param untilMs - Set for a pause: the account asks for no token before, epoch milliseconds. @default - no pause */
      readonly settle: (untilMs?: number) => Promise<void>;
      /** The request was not made. */
      readonly giveBack: () => Promise<void>;
    }
  | { readonly kind: 'wait'; readonly reason: string; readonly untilMs: number };

/**
 * Take a request for a token from the limits that name it; those of all calls do not count it. None is granted during a
 * pause that the token endpoint has asked for.
 */
export async function takeTokenBudget(ports: ProviderPorts, caller: Caller): Promise<TokenBudget> {
  const specs = limitsOf(caller.definition, { resource: tokenName, call: tokenName }).filter(
    ({ of }) => of !== undefined,
  );
  const scopes = scopesOf(caller, specs);
  const id = ports.randomness.bytes(9).toString('base64url');
  const ask = { scopes, ids: [id], priority: 'webhook', names: [tokenName], cost: 1, leaseMs } as const;
  const { granted, askAgainAtMs, stoppedBy } = await ports.budgets.take(ask);
  const nowMs = () => ports.clock.nowMs();
  if (granted.length === 0)
    return {
      kind: 'wait',
      reason: `the budget "${stoppedBy ?? tokenName}" has nothing left for a new token`,
      untilMs: askAgainAtMs ?? nowMs(),
    };
  const end = (wasSent: boolean, untilMs?: number) =>
    ports.budgets.settle(scopes, [
      {
        id,
        wasSent,
        endedAtMs: nowMs(),
        observed: [],
        ...(untilMs === undefined
          ? {}
          : { slowDown: { of: 'account', name: tokenName, notBeforeMs: untilMs } as const }),
      },
    ]);
  return { kind: 'granted', settle: (untilMs) => end(true, untilMs), giveBack: () => end(false) };
}
