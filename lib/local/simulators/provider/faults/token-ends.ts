import type { CallFaults } from './call-faults.ts';

/** Calls after a 401 during which no token ends: a caller whose new token fails takes its credentials for wrong. */
const quietCalls = 40;

/** Ends access tokens in the middle of a run. */
export interface TokenEnds {
  /** Called before each call's credentials are checked. */
  beforeCall(call: CallFaults): void;
  /** Called after each 401. */
  refused(): void;
}

/** @param end - Ends the access tokens that can be had anew. Returns how many. */
export function createTokenEnds(end: () => number): TokenEnds {
  let calls = 0;
  return {
    beforeCall(call) {
      calls += 1;
      const isDue = calls > quietCalls && call.draw('expired access') * 100 < call.faults.expiredAccessPercent;
      if (isDue && end() > 0) call.comes('expiring-tokens', 100);
    },
    refused() {
      calls = 0;
    },
  };
}
