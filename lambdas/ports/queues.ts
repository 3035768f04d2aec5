import type { DeliveryJob, RawMessage } from '../contracts/messages.ts';

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

/** A dead-letter queue that the engine itself puts a message on, when trying again cannot help. */
export interface DeadLetterQueue {
  /** @param body - The message as it was received. @param reason - Safe to show. */
  send(body: string, reason: string): Promise<void>;
}
