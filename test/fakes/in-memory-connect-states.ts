import type { ConnectState, ConnectStates } from '../../lambdas/ports/provider/connect-states.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';

/** States of consents in memory. */
export function createInMemoryConnectStates(clock: Clock): ConnectStates {
  const states = new Map<string, ConnectState>();
  return {
    async put(state, value) {
      states.set(state, value);
    },
    async take(state) {
      const value = states.get(state);
      states.delete(state);
      return value !== undefined && value.expiresAtMs > clock.nowMs() ? value : undefined;
    },
  };
}
