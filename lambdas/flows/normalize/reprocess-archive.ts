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

/** What is read of the archive. */
export interface ArchiveWindow {
  readonly integration: string;
  /** Undefined for all that the integration has, requests that no account owned included. */
  readonly account: string | undefined;
  /** Epoch milliseconds of receipt, from `since` on and before `until`. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Count, send nothing. */
  readonly isDryRun: boolean;
  /** Where the call before ended. */
  readonly after: string | undefined;
}

export interface ArchiveReprocessing {
  /** Requests of the window. One that is archived twice may be counted twice. */
  readonly found: number;
  /** Of them, those that were put on the raw queue. */
  readonly reprocessed: number;
  /** Requests that nothing opens any more: their account is gone. And objects that cannot be read. */
  readonly skipped: number;
  /** Where the next call begins; undefined where the window is done. */
  readonly next: string | undefined;
}

/** Time for one call; the API's own ends later. */
const maxDurationMs = 15_000;
/** Objects that are in memory together: each has a batch of normalize. */
const readTogether = 10;
const sentAtATime = 10;

/**
 * Send what was received in a window through normalize again, once a mapping is mended. Events that were published
 * before are published no second time: they have the ids that they have.
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
        // They are archived already.
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
  /** One object that cannot be read keeps nothing else from being reprocessed. */
  | { readonly kind: 'damaged' };

async function readObject({ archive }: ReprocessArchivePorts, object: string): Promise<ReadObject> {
  try {
    // One that has expired since it was listed has nothing.
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

/** @returns Undefined where none of its owners is there any more. */
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
