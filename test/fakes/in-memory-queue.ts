import { limits } from '../../lambdas/contracts/limits.ts';
import type {
  DeadLetterInbox,
  DeadLetterQueue,
  DeliveryQueue,
  DrainQueue,
  EnrichQueue,
  FailedMessages,
  GovernanceQueue,
  PollQueue,
  RawQueue,
  ShadowQueue,
} from '../../lambdas/ports/events/queues.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import { type Dumpable, dumpOf } from './dump.ts';

export interface QueuedMessage {
  readonly id: string;
  readonly body: string;
  readonly group: string | undefined;
  /** Only for a message that the engine itself dead-lettered. */
  readonly reason: string | undefined;
  readonly sentAtMs: number;
  readonly visibleAtMs: number;
}

/** A standard queue: a received message is hidden for its visibility timeout, and stays until it is removed. */
export interface InMemoryQueue extends Dumpable {
  send(body: string, options?: { group?: string; reason?: string; delayMs?: number }): void;
  /** Visible messages, at most ten. */
  receive(): readonly QueuedMessage[];
  remove(id: string): void;
  /** Make a received message visible after a delay, or immediately. */
  show(id: string, delayMs?: number): void;
  /** All messages, visible or not. */
  messages(): readonly QueuedMessage[];
}

export function createInMemoryQueue(clock: Clock, visibilityTimeoutMs = 360_000): InMemoryQueue {
  const messages = new Map<string, QueuedMessage>();
  let sent = 0;
  return {
    dump: () => dumpOf(messages),
    send(body, { group, reason, delayMs = 0 } = {}) {
      sent += 1;
      const id = `message-${sent}`;
      // A queue delays by whole seconds, up to its limit.
      const delaySeconds = Math.ceil(Math.min(delayMs, limits.queueMaxDelayMs) / 1000);
      const sentAtMs = clock.nowMs();
      messages.set(id, { id, body, group, reason, sentAtMs, visibleAtMs: sentAtMs + delaySeconds * 1000 });
    },
    receive() {
      const visible = [...messages.values()].filter(({ visibleAtMs }) => visibleAtMs <= clock.nowMs()).slice(0, 10);
      for (const message of visible)
        messages.set(message.id, { ...message, visibleAtMs: clock.nowMs() + visibilityTimeoutMs });
      return visible;
    },
    remove(id) {
      messages.delete(id);
    },
    show(id, delayMs = 0) {
      const message = messages.get(id);
      if (message !== undefined) messages.set(id, { ...message, visibleAtMs: clock.nowMs() + delayMs });
    },
    messages: () => [...messages.values()],
  };
}

export function rawQueueOn(queue: InMemoryQueue): RawQueue {
  return {
    async send(message) {
      queue.send(JSON.stringify(message), { group: message.account ?? message.integration });
    },
  };
}

export function deliveryQueueOn(queue: InMemoryQueue): DeliveryQueue {
  return {
    async sendAll(jobs) {
      for (const { job, group, delayMs } of jobs) queue.send(JSON.stringify(job), { group, delayMs });
    },
  };
}

export function drainQueueOn(queue: InMemoryQueue): DrainQueue {
  return {
    async send(message, delayMs) {
      queue.send(JSON.stringify(message), { group: message.subscription, delayMs });
    },
  };
}

export function shadowQueueOn(queue: InMemoryQueue): ShadowQueue {
  return {
    async sendAll(messages) {
      for (const message of messages) queue.send(JSON.stringify(message), { group: message.tenant });
    },
  };
}

export function governanceQueueOn(queue: InMemoryQueue): GovernanceQueue {
  return {
    async send(message, delayMs) {
      queue.send(JSON.stringify(message), { group: message.tenant, delayMs });
    },
  };
}

export function enrichQueueOn(queue: InMemoryQueue): EnrichQueue {
  return {
    async send(message, delayMs) {
      queue.send(JSON.stringify(message), { group: message.account, delayMs });
    },
  };
}

export function pollQueueOn(queue: InMemoryQueue): PollQueue {
  return {
    async send(message, delayMs) {
      queue.send(JSON.stringify(message), { group: message.account, delayMs });
    },
    async sendAll(messages) {
      for (const message of messages) queue.send(JSON.stringify(message), { group: message.account });
    },
  };
}

export function deadLetterQueueOn(queue: InMemoryQueue): DeadLetterQueue {
  return {
    async send(body, reason) {
      // Replace characters that a queue rejects, as the adapter does.
      queue.send(body, { reason: reason.toWellFormed().replace(/\p{Control}/gu, '\uFFFD') });
    },
  };
}

export function deadLetterInboxOn(queue: InMemoryQueue): DeadLetterInbox {
  return {
    async receive() {
      return queue.receive().map(({ id, body, sentAtMs }) => ({ body, receipt: id, sentAtMs }));
    },
    async remove(letters) {
      for (const { receipt } of letters) queue.remove(receipt);
    },
    async putBack(letters) {
      for (const { receipt } of letters) queue.show(receipt);
    },
  };
}

export function failedMessagesOn(queue: InMemoryQueue): FailedMessages {
  return {
    async hide(messages) {
      const known = new Set(queue.messages().map(({ id }) => id));
      for (const { receipt, delaySeconds } of messages) queue.show(receipt, delaySeconds * 1000);
      return messages.filter(({ receipt }) => !known.has(receipt)).length;
    },
  };
}
