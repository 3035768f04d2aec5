import { hiddenSeconds } from '../../engine/delivery/message-backoff.ts';
import type { FailedMessages } from '../../ports/events/queues.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

export interface HidePorts {
  readonly failedMessages: FailedMessages;
  readonly randomness: Pick<Randomness, 'fraction'>;
}

/** A message whose processing failed. */
export interface FailedMessage {
  readonly receipt: string;
  /** Deliveries by the queue so far, this one included. */
  readonly receiveCount: number;
}

/**
 * Retry failed messages within seconds, with backoff, by changing their visibility timeout.
 *
 * @returns Number of messages that the queue did not change; they return when their visibility timeout ends.
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
