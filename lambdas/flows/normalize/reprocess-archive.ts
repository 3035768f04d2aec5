import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { RawQueue } from '../../ports/events/queues.ts';
import type { ArchivedPart, RawArchiveReader } from '../../ports/events/raw-archive.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

export interface ReprocessArchivePorts {
  readonly archive: RawArchiveReader;
  readonly accounts: Pick<AccountDirectory, 'find'>;
  readonly rawQueue: RawQueue;
  readonly clock: Clock;
}

/** The part of the archive to reprocess. */
export interface ArchiveWindow {
  readonly integration: string;
  /** Undefined for all requests of the integration, including those that no account owned. */
  readonly account: string | undefined;
  /** Epoch milliseconds of receipt: `since` included, `until` excluded. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Only count. */
  readonly isDryRun: boolean;
  /** The `next` of the call before. */
  readonly after: string | undefined;
}

export interface ArchiveReprocessing {
  /** Requests of the window. A request that is archived twice may be counted twice. */
  readonly found: number;
  /** Found requests that were sent to the raw queue. */
  readonly reprocessed: number;
  /** Requests that can no longer be opened because their account is gone, and objects that cannot be read. */
  readonly skipped: number;
  /** Where the next call begins; undefined when the window is done. */
  readonly next: string | undefined;
}

/** Time for one call; shorter than the time limit of the API's function. */
const maxDurationMs = 15_000;
/** Objects held in memory at the same time: each holds one batch of normalize. */
const readTogether = 10;
const sentAtATime = 10;

/**
 * Send the requests of a window through normalize again, after a mapping was fixed. Events that were published before
 * are not published again, because they keep their ids.
 */
export async function reprocessArchive(
  ports: ReprocessArchivePorts,
  window: ArchiveWindow,
): Promise<ArchiveReprocessing> {
  const untilMs = ports.clock.nowMs() + maxDurationMs;
  const accounts = new Map<string, Promise<Account | undefined>>();
  const accountOf = (id: string) => {
    const known = accounts.get(id) ?? ports.accounts.find(id);
    accounts.set(id, known);
    return known;
  };
  let { after } = window;
  let found = 0;
  let reprocessed = 0;
  let skipped = 0;
  for (;;) {
    const page = await ports.archive.list(window.sinceMs, window.untilMs, after);
    for (let at = 0; at < page.items.length; at += readTogether) {
      if (ports.clock.nowMs() >= untilMs) return { found, reprocessed, skipped, next: after };
      const objects = page.items.slice(at, at + readTogether);
      const reads = await Promise.all(objects.map((object) => readObject(ports, object)));
      const messages = new Map<string, RawMessage>();
      for (const read of reads) {
        if (read.kind === 'damaged') skipped += 1;
        else
          for (const part of read.parts.filter((one) => isMeant(one, window))) {
            const opened = await openPart(part, accountOf);
            if (opened === undefined) skipped += part.count;
            else for (const message of opened) if (isWithin(message, window)) messages.set(message.rawId, message);
          }
      }
      found += messages.size;
      if (!window.isDryRun) {
        // Mark them, so that normalize does not archive them again.
        const again = [...messages.values()].map((message): RawMessage => ({ ...message, archived: true }));
        await forEachAtMost(sentAtATime, again, (message) => ports.rawQueue.send(message));
        reprocessed += again.length;
      }
      after = objects.at(-1);
    }
    if (page.next === undefined) return { found, reprocessed, skipped, next: undefined };
    after = page.next;
    if (ports.clock.nowMs() >= untilMs) return { found, reprocessed, skipped, next: after };
  }
}

type ReadObject =
  | { readonly kind: 'read'; readonly parts: readonly ArchivedPart[] }
  /** The object cannot be read; the others are reprocessed all the same. */
  | { readonly kind: 'damaged' };

async function readObject({ archive }: ReprocessArchivePorts, object: string): Promise<ReadObject> {
  try {
    // An object that has expired since it was listed has no parts.
    return { kind: 'read', parts: (await archive.read(object)) ?? [] };
  } catch (error) {
    if (error instanceof EngineError && error.code === 'corrupt-state') return { kind: 'damaged' };
    throw error;
  }
}

function isMeant({ integration, owners }: ArchivedPart, window: ArchiveWindow): boolean {
  if (integration !== window.integration) return false;
  return window.account === undefined || owners.some(({ account }) => account === window.account);
}

/** @returns Undefined when all owners are gone. */
async function openPart(
  part: ArchivedPart,
  accountOf: (id: string) => Promise<Account | undefined>,
): Promise<readonly RawMessage[] | undefined> {
  if (part.owners.length === 0) return part.open(undefined);
  for (const { account: id, createdAt } of part.owners) {
    const key = (await accountOf(id))?.archiveKey;
    const opened = key === undefined ? undefined : part.open({ account: id, createdAt, key });
    if (opened !== undefined) return opened;
  }
  return undefined;
}

function isWithin({ receivedAt }: RawMessage, { sinceMs, untilMs }: ArchiveWindow): boolean {
  const receivedAtMs = Date.parse(receivedAt);
  return receivedAtMs >= sinceMs && receivedAtMs < untilMs;
}
