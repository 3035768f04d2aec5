import type { Clock } from '../../../ports/runtime/clock.ts';
import type { ConfinedAnswer } from '../../http/confined-post.ts';
import { meansAbsence, meansRefusal, readAwsError } from './aws-error.ts';
import type { AwsError } from './destination-type.ts';
import { readJson } from './read-json.ts';
import type { AwsCredentials } from './signed-post.ts';

/** Finds out whether a destination exists, where its service accepts a message in either case. */
export interface PresenceCheck {
  /**
   * @param credentials - Of the role's session for the destination.
   * @param describe - Asks AWS; called only if its last answer is too old.
   * @returns The error of AWS if the destination does not exist. Undefined if it exists, and if AWS does not tell: a
   *   role that may only send is enough to send.
   */
  absenceOf(credentials: AwsCredentials, describe: () => Promise<ConfinedAnswer>): Promise<AwsError | undefined>;
}

/** How long an answer is used: what is sent to a destination that was just deleted is lost for at most so long. */
const settledMs = 60_000;
/** The same for an absence, which its owner repairs, and for no answer. */
const unsettledMs = 5_000;

interface Finding {
  readonly absence: AwsError | undefined;
  readonly usedMs: number;
}

interface Remembered {
  readonly finding: Promise<Finding>;
  /** Without an end while AWS is asked: concurrent messages share one request. */
  untilMs: number;
}

/** Remembers answers no longer than the session of the role, whose credentials are the key. */
export function createPresenceCheck(clock: Clock): PresenceCheck {
  const remembered = new WeakMap<AwsCredentials, Remembered>();
  return {
    async absenceOf(credentials, describe) {
      const known = remembered.get(credentials);
      if (known !== undefined && clock.nowMs() < known.untilMs) return (await known.finding).absence;
      const asked: Remembered = { finding: describe().then(read), untilMs: Number.POSITIVE_INFINITY };
      remembered.set(credentials, asked);
      try {
        const { absence, usedMs } = await asked.finding;
        asked.untilMs = clock.nowMs() + usedMs;
        return absence;
      } catch (error) {
        remembered.delete(credentials);
        throw error;
      }
    },
  };
}

function read(answer: ConfinedAnswer): Finding {
  if (answer.kind === 'failed') return { absence: undefined, usedMs: unsettledMs };
  if (answer.status === 200) return { absence: undefined, usedMs: settledMs };
  const error = readAwsError(readJson(answer.body));
  if (meansAbsence(error)) return { absence: error, usedMs: unsettledMs };
  return { absence: undefined, usedMs: meansRefusal(error) ? settledMs : unsettledMs };
}
