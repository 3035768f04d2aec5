import type { QueueDepth } from './fault-engine.ts';
import type { FaultRun } from './fault-run.ts';

/** How a run ended, observed from outside. */
export interface Ending {
  readonly run: FaultRun;
  readonly depth: QueueDepth;
  /** How often each outcome was counted in the run, by function and name: `normalize mapped`. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly hasFault: boolean;
  /** Whether a subscriber may receive an event more than once although no call fails. */
  readonly sendsAgain: boolean;
  /** Inputs that end once more because the path requests it. */
  readonly askedAgain: { readonly requests?: number; readonly deliveries?: number };
}
