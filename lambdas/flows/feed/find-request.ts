import type { RawMessage } from '../../contracts/messages.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
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
  /** Several tenants share it. */
  | { readonly kind: 'shared' };

/** An object of the archive begins this long before the request, if messages were not retried. */
const usualReachMs = 60_000;
const longestReachMs = 3_600_000;
/** Time for one search; shorter than the time limit of the API's function. */
const maxDurationMs = 12_000;

/**
 * The provider's request that brought an event, from the archive. The archive is in the order of receipt, and an event
 * has the time of its request.
 *
 * @param tenant - Whose requests may be shown; null for all.
 */
export async function findRequest(
  ports: FindRequestPorts,
  event: Pick<EventRow, 'id' | 'origin' | 'timestamp' | 'integration' | 'account'>,
  tenant: string | null,
): Promise<FoundRequest> {
  if (event.origin !== 'webhook') return { kind: 'not-a-webhook' };
  const untilMs = ports.clock.nowMs() + maxDurationMs;
  const owner = (await ports.locator.locate(event.id))?.owner?.replace(/^reprocess:/, '');
  for (const reachMs of [usualReachMs, longestReachMs]) {
    const found = await searchArchive(ports, event, { owner, reachMs, untilMs, tenant });
    if (found !== undefined) return found;
  }
  return { kind: 'not-kept' };
}

interface Search {
  /** Id of the request, if one brought the event directly. */
  readonly owner: string | undefined;
  readonly reachMs: number;
  readonly untilMs: number;
  readonly tenant: string | null;
}

async function searchArchive(
  ports: FindRequestPorts,
  event: Pick<EventRow, 'timestamp' | 'integration' | 'account'>,
  { owner, reachMs, untilMs, tenant }: Search,
): Promise<FoundRequest | undefined> {
  const atMs = Date.parse(event.timestamp);
  let after: string | undefined;
  do {
    const page = await ports.archive.list(atMs, atMs + 1, after, reachMs);
    for (const object of page.items) {
      if (ports.clock.nowMs() >= untilMs) return undefined;
      for (const part of (await ports.archive.read(object)) ?? []) {
        if (part.integration !== event.integration) continue;
        const account = await openerOf(ports, part, event.account);
        const messages = part.open(account) ?? [];
        const ofTime = messages.filter(({ receivedAt }) => receivedAt === event.timestamp);
        const message = ofTime.find(({ rawId }) => rawId === owner) ?? ofTime[0];
        if (message === undefined) continue;
        if (tenant !== null && !(await isOf(ports, part, tenant))) return { kind: 'shared' };
        return { kind: 'found', message, body: await ports.archive.bodyOf(message) };
      }
    }
    after = page.next;
  } while (after !== undefined);
  return undefined;
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

/** Whether all owners of a request belong to a tenant. */
async function isOf(
  { accounts }: Pick<FindRequestPorts, 'accounts'>,
  { owners }: ArchivedPart,
  tenant: string,
): Promise<boolean> {
  if (owners.length === 0) return false;
  const found: readonly (Account | undefined)[] = await Promise.all(
    owners.map(({ account }) => accounts.find(account)),
  );
  return found.every((account) => account?.tenant === tenant);
}
