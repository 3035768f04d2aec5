import type { RawMessage } from '../../contracts/messages.ts';
import type { DeadLetter, DeadLetterInbox, RawQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface Reprocessing {
  /** Requests that were put on the raw queue again. */
  readonly reprocessed: number;
  /** Dead letters that were left where they are: of other integrations, no requests, or newer than was asked for. */
  readonly skipped: number;
  /** Whether the queue may have more: the time was over before it was empty. */
  readonly more: boolean;
}

/** Time for one call; the API's own ends later. */
const maxDurationMs = 15_000;

/**
 * Send dead-lettered requests through normalize again, once a mapping is mended. What was published of
 * them before is published no second time: events have the ids that they have.
 *
 * @param beforeMs - Epoch milliseconds; letters from then on are left: what fails again would come round
 *   for as long as it is looked for.
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
