import type { QueueDepth } from './fault-engine.ts';
import type { FaultRun } from './fault-run.ts';

/** How a run ended, seen from outside. */
export interface Ending {
  readonly run: FaultRun;
  readonly depth: QueueDepth;
  /** Outcomes that were counted in the run: `normalize mapped` to how often. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly hasFault: boolean;
  /** Whether a subscriber may be sent an event more than once although no call fails. */
  readonly sendsAgain: boolean;
  /** What ends once more because somebody asked for it again. */
  readonly askedAgain: { readonly requests?: number; readonly deliveries?: number };
}
