import { hiddenSeconds } from '../../engine/delivery/message-backoff.ts';
import type { FailedMessages } from '../../ports/events/queues.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

export interface HidePorts {
  readonly failedMessages: FailedMessages;
  readonly randomness: Pick<Randomness, 'fraction'>;
}

/** A message that a consumer failed at. */
export interface FailedMessage {
  readonly receipt: string;
  /** How often the queue has handed it over, this time included. */
  readonly receiveCount: number;
}

/**
 * Have messages come again in seconds, later after each failure.
 *
 * @returns How many the queue did not change: those come again when their visibility timeout ends.
 */
export async function hideFailedMessages(ports: HidePorts, messages: readonly FailedMessage[]): Promise<number> {
  if (messages.length === 0) return 0;
  return ports.failedMessages.hide(
    messages.map(({ receipt, receiveCount }) => ({
      receipt,
      delaySeconds: hiddenSeconds(receiveCount, ports.randomness.fraction()),
    })),
  );
}
