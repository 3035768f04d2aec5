import type { PreparedSubscription } from '../deliver/attempt/prepare-subscription.ts';
import { followerPosition, type ReplayPorts, type ReplayRequest, windowOf } from './replay-events.ts';
import { readReplayedPage } from './replayed-page.ts';

/** A count that takes longer returns its result so far. */
const countMs = 15_000;

export interface ReplayCount {
  readonly scanned: number;
  readonly matched: number;
  /** Whether the count covers the whole window. */
  readonly isComplete: boolean;
}

/** Count the events that a replay would send. */
export async function countReplay(
  ports: ReplayPorts,
  prepared: PreparedSubscription,
  request: ReplayRequest,
): Promise<ReplayCount> {
  const untilMs = ports.clock.nowMs() + countMs;
  const { afterSequence, upToSequence } = await windowOf(ports, request);
  const followedFrom = await followerPosition(ports, prepared);
  let position = afterSequence;
  let scanned = 0;
  let matched = 0;
  while (position < upToSequence && ports.clock.nowMs() < untilMs) {
    const page = await readReplayedPage(ports, prepared, { ...request, followedFrom }, position, upToSequence);
    if (page.reached === position) break;
    position = page.reached;
    scanned += page.scanned;
    matched += page.deliveries.length;
  }
  return { scanned, matched, isComplete: position >= upToSequence };
}
