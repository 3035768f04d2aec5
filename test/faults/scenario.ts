import type { FaultRun } from './fault-run.ts';

/** One path through the engine. To add one, write a few lines here: docs/internals/fault-sweep.md. */
export interface Scenario {
  /**
   * The steps of the path. Calls fail from `faultsBegin` on. The sweep settles and checks the run when this returns.
   */
  readonly play: (run: FaultRun) => Promise<void>;
  /** Whether dispatch is on the path, so that its calls are counted too. */
  readonly countsDispatch?: boolean;
  /** Whether a subscriber may receive an event more than once although no call fails. */
  readonly sendsAgain?: boolean;
  /** Calls that do not fail here, because a call of the same name, or of another path, already covers them. */
  readonly isAlike?: (name: string, number: number) => boolean;
  /**
   * Inputs that end once more because the path requests it: requests that are routed later, deliveries that are
   * replayed.
   */
  readonly askedAgain?: { readonly requests?: number; readonly deliveries?: number };
}

/** `webhook` and `known-endpoint` cover what follows an event's publication. */
export const isOfDelivery = (name: string) =>
  /^(deliver|drain|callback)\.|^normalize\.Query\.subscriptions$/.test(name);
