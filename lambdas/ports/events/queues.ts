import type { DeliveryJob, DrainMessage, GovernanceMessage, RawMessage } from '../../contracts/messages.ts';

export interface RawQueue {
  /** Returns only when the message is durable. */
  send(message: RawMessage): Promise<void>;
}

export interface DeliveryQueue {
  /** @param group - Fair-queue group of each job: its account. */
  sendAll(
    jobs: readonly { readonly job: DeliveryJob; readonly group: string; readonly delayMs: number }[],
  ): Promise<void>;
}

export interface DrainQueue {
  send(message: DrainMessage, delayMs: number): Promise<void>;
}

export interface GovernanceQueue {
  send(message: GovernanceMessage, delayMs: number): Promise<void>;
}

/** What a consumer says to its queue of messages that it failed at. */
export interface FailedMessages {
  /**
   * Show messages again after a delay, which replaces the visibility timeout of the queue.
   *
   * @returns How many the queue did not change: those come again when their visibility timeout ends.
   */
  hide(messages: readonly { readonly receipt: string; readonly delaySeconds: number }[]): Promise<number>;
}

/** A message that was taken from a dead-letter queue, and is hidden there for a while. */
export interface DeadLetter {
  /** The message as it was put there. */
  readonly body: string;
  /** What removes it, or puts it back. */
  readonly receipt: string;
  /** Epoch milliseconds; when it was sent here or, where the queue moved it, to the work queue that it came from. */
  readonly sentAtMs: number;
}

/** The other side of a dead-letter queue: what an operator takes up again. */
export interface DeadLetterInbox {
  /** @returns Up to 10; none where the queue shows none now. */
  receive(): Promise<readonly DeadLetter[]>;
  remove(letters: readonly DeadLetter[]): Promise<void>;
  /** Show them again at once. */
  putBack(letters: readonly DeadLetter[]): Promise<void>;
}

/** A dead-letter queue that the engine itself puts a message on, when trying again cannot help. */
export interface DeadLetterQueue {
  /** @param body - The message as it was received. @param reason - Safe to show. */
  send(body: string, reason: string): Promise<void>;
}
