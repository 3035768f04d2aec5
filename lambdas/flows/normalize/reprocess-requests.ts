import type { RawMessage } from '../../contracts/messages.ts';
import type { DeadLetter, DeadLetterInbox, RawQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface Reprocessing {
  /** Requests sent to the raw queue again. */
  readonly reprocessed: number;
  /** Dead letters left on the queue: of other integrations, not a request, or too new. */
  readonly skipped: number;
  /** Whether the queue may hold more: the time ended before it was empty. */
  readonly more: boolean;
}

/** Time for one call; shorter than the time limit of the API's function. */
const maxDurationMs = 15_000;

/**
 * Send dead-lettered requests through normalize again, after a mapping was fixed. Events that were published before are
 * not published again, because they keep their ids.
 *
 * @param beforeMs - Epoch milliseconds; letters from then on stay: a request that fails again would be reprocessed in
 *   an endless loop.
 */
export async function reprocessRequests(
  ports: { readonly rawLetters: DeadLetterInbox; readonly rawQueue: RawQueue; readonly clock: Clock },
  integration: string,
  beforeMs: number,
): Promise<Reprocessing> {
  const untilMs = ports.clock.nowMs() + maxDurationMs;
  const skipped: DeadLetter[] = [];
  let reprocessed = 0;
  let more = true;
  while (more && ports.clock.nowMs() < untilMs) {
    const letters = await ports.rawLetters.receive();
    more = letters.length > 0;
    const taken: { readonly letter: DeadLetter; readonly message: RawMessage }[] = [];
    for (const letter of letters) {
      const message = readMessage(letter.body);
      if (message?.integration === integration && letter.sentAtMs < beforeMs) taken.push({ letter, message });
      else skipped.push(letter);
    }
    await Promise.all(taken.map(({ message }) => ports.rawQueue.send(message)));
    await ports.rawLetters.remove(taken.map(({ letter }) => letter));
    reprocessed += taken.length;
  }
  await ports.rawLetters.putBack(skipped);
  return { reprocessed, skipped: skipped.length, more };
}

function readMessage(body: string): RawMessage | undefined {
  try {
    const message = JSON.parse(body) as Partial<RawMessage> | null;
    return typeof message?.rawId === 'string' ? (message as RawMessage) : undefined;
  } catch {
    return undefined;
  }
}
