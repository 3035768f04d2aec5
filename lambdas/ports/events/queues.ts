import type {
  AccountNewsMessage,
  DeliveryJob,
  DrainMessage,
  EnrichMessage,
  GovernanceMessage,
  PollMessage,
  PollNowMessage,
  RawMessage,
  ShadowMessage,
} from '../../contracts/messages.ts';

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

export interface ShadowQueue {
  sendAll(messages: readonly ShadowMessage[]): Promise<void>;
}

export interface EnrichQueue {
  send(message: EnrichMessage | AccountNewsMessage, delayMs: number): Promise<void>;
}

export interface PollQueue {
  send(message: PollMessage | PollNowMessage, delayMs: number): Promise<void>;
  /** Send at once, many at a time. */
  sendAll(messages: readonly PollMessage[]): Promise<void>;
}

export interface GovernanceQueue {
  send(message: GovernanceMessage, delayMs: number): Promise<void>;
}

/** Delays the redelivery of failed messages. */
export interface FailedMessages {
  /**
   * Change the visibility timeout of messages to a delay.
   *
   * @returns How many messages the queue did not change: those reappear when their current visibility timeout ends.
   */
  hide(messages: readonly { readonly receipt: string; readonly delaySeconds: number }[]): Promise<number>;
}

/** A message received from a dead-letter queue, and hidden there until its visibility timeout ends. */
export interface DeadLetter {
  /** The message text, unchanged. */
  readonly body: string;
  /** Identifies the message to `remove` and `putBack`. */
  readonly receipt: string;
  /** Epoch milliseconds; when it was sent here or, if SQS moved it here, to its original queue. */
  readonly sentAtMs: number;
}

/** Reads a dead-letter queue, for an operator who reprocesses its messages. */
export interface DeadLetterInbox {
  /** @returns Up to 10 messages; empty when none is visible. */
  receive(): Promise<readonly DeadLetter[]>;
  remove(letters: readonly DeadLetter[]): Promise<void>;
  /** Make messages visible again at once. */
  putBack(letters: readonly DeadLetter[]): Promise<void>;
}

/** A dead-letter queue to which the engine itself sends a message when no retry can help. */
export interface DeadLetterQueue {
  /** @param body - The message as it was received. @param reason - Safe to show. */
  send(body: string, reason: string): Promise<void>;
}
