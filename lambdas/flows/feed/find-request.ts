import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import type { AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { EventLocator, EventRow } from '../../ports/events/event-store.ts';
import type { ArchivedPart, RawArchiveReader } from '../../ports/events/raw-archive.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface FindRequestPorts {
  readonly archive: RawArchiveReader;
  readonly accounts: Pick<AccountDirectory, 'find'>;
  readonly locator: EventLocator;
  readonly clock: Clock;
}

export type FoundRequest =
  | { readonly kind: 'found'; readonly message: RawMessage; readonly body: Buffer }
  /** Nothing of a provider brought the event: a poll, a comparison or a test did. */
  | { readonly kind: 'not-a-webhook' }
  /** It is no longer in the archive, or its account is gone. */
  | { readonly kind: 'not-kept' }
  /** It came to the URL for all accounts, so it may hold the data of others. */
  | { readonly kind: 'shared' }
  /** The archive of its time is larger than one call can search. */
  | { readonly kind: 'not-searched' };

/** An object of the archive begins this long before the request, if messages were not retried. */
const usualReachMs = 60_000;
const longestReachMs = 3_600_000;
/** Time for one search; shorter than the time limit of the API's function. */
const maxDurationMs = 12_000;

/**
 * The provider's request that brought an event, from the archive. The archive is in the order of receipt, and an event
 * has the time of its request.
 *
 * A request at the URL for all accounts may hold items of accounts of other tenants, also of such that have no account
 * yet, or no longer: only a caller for all tenants sees it.
 *
 * @param isForAll - Whether the caller may see what belongs to all tenants.
 */
export async function findRequest(
  ports: FindRequestPorts,
  event: Pick<EventRow, 'id' | 'origin' | 'timestamp' | 'integration' | 'account'>,
  isForAll: boolean,
): Promise<FoundRequest> {
  if (event.origin !== 'webhook') return { kind: 'not-a-webhook' };
  const untilMs = ports.clock.nowMs() + maxDurationMs;
  const owner = (await ports.locator.locate(event.id))?.owner?.replace(/^reprocess:/, '');
  let last: FoundRequest = { kind: 'not-kept' };
  for (const reachMs of [usualReachMs, longestReachMs]) {
    last = await searchArchive(ports, event, { owner, reachMs, untilMs, isForAll });
    if (last.kind !== 'not-kept') return last;
  }
  return last;
}

interface Search {
  /** Id of the request, if one brought the event directly. */
  readonly owner: string | undefined;
  readonly reachMs: number;
  readonly untilMs: number;
  readonly isForAll: boolean;
}

async function searchArchive(
  ports: FindRequestPorts,
  event: Pick<EventRow, 'timestamp' | 'integration' | 'account'>,
  { owner, reachMs, untilMs, isForAll }: Search,
): Promise<FoundRequest> {
  const atMs = Date.parse(event.timestamp);
  // Without its id, a request of the same account and instant is taken, once none can be the one.
  let other: RawMessage | undefined;
  let after: string | undefined;
  do {
    const page = await ports.archive.list(atMs, atMs + 1, after, reachMs);
    for (const object of page.items) {
      if (ports.clock.nowMs() >= untilMs) return { kind: 'not-searched' };
      const messages = (await messagesIn(ports, object, event)).filter(
        ({ receivedAt }) => receivedAt === event.timestamp,
      );
      const own = messages.find(({ rawId }) => rawId === owner);
      if (own !== undefined) return shownOf(ports, own, isForAll);
      other ??= messages[0];
    }
    after = page.next;
    if (ports.clock.nowMs() >= untilMs) return { kind: 'not-searched' };
  } while (after !== undefined);
  // A read that several webhooks asked for has an owner of its own.
  const isDirect = owner?.startsWith('raw_') === true;
  return other === undefined || isDirect ? { kind: 'not-kept' } : shownOf(ports, other, isForAll);
}

/** The requests of an object that the event's account may have sent. An object that cannot be read has none. */
async function messagesIn(
  ports: FindRequestPorts,
  object: string,
  event: Pick<EventRow, 'integration' | 'account'>,
): Promise<readonly RawMessage[]> {
  const parts = (await unlessCorrupt(ports.archive.read(object))) ?? [];
  const opened = await Promise.all(
    parts
      .filter(({ integration }) => integration === event.integration)
      .map(async (part) => part.open(await openerOf(ports, part, event.account)) ?? []),
  );
  return opened.flat().filter(({ account }) => account === undefined || account === event.account);
}

async function shownOf({ archive }: FindRequestPorts, message: RawMessage, isForAll: boolean): Promise<FoundRequest> {
  if (message.account === undefined && !isForAll) return { kind: 'shared' };
  const body = await unlessCorrupt(archive.bodyOf(message));
  return body === undefined ? { kind: 'not-kept' } : { kind: 'found', message, body };
}

async function unlessCorrupt<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'corrupt-state') return undefined;
    throw error;
  }
}

/** The owner whose key opens a part: the event's account, as it was when it took the request. */
async function openerOf(
  { accounts }: Pick<FindRequestPorts, 'accounts'>,
  part: ArchivedPart,
  account: string,
): Promise<Parameters<ArchivedPart['open']>[0]> {
  const owner = part.owners.find((one) => one.account === account);
  const key = owner === undefined ? undefined : (await accounts.find(account))?.archiveKey;
  return owner === undefined || key === undefined ? undefined : { ...owner, key };
}
