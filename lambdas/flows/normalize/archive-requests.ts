import type { RawMessage } from '../../contracts/messages.ts';
import type { Account, ArchiveKeys } from '../../ports/accounts/account-store.ts';
import type { ArchivableRequest, ArchiveOwner, RawArchive } from '../../ports/events/raw-archive.ts';

export interface ArchivePorts {
  readonly archive: RawArchive;
  readonly archiveKeys: ArchiveKeys;
}

/** A request that ended, and the accounts that it was for; empty when it has no account yet. */
export interface EndedRequest {
  readonly message: RawMessage;
  readonly owners: readonly Account[];
}

/** @returns For each request the error; undefined when it is archived, or must not be archived. */
export async function archiveRequests(
  { archive, archiveKeys }: ArchivePorts,
  requests: readonly EndedRequest[],
): Promise<readonly ({ readonly error: unknown } | undefined)[]> {
  const failures = Array.from<{ readonly error: unknown } | undefined>({ length: requests.length });
  // Usually one group: an object has one retention period, and its key has the hour of its requests.
  const groups = Map.groupBy(requests.entries(), ([, { message, owners }]) =>
    JSON.stringify([message.receivedAt.slice(0, 'YYYY-MM-DDTHH'.length), retentionOf(owners) ?? null]),
  );
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const [[, { owners: some }]] = group as [[number, EndedRequest]];
      try {
        const sealable = await Promise.all(group.map(([, request]) => toArchivable(archiveKeys, request)));
        const kept = sealable.filter((request) => request !== undefined);
        if (kept.length > 0) await archive.put(kept, retentionOf(some));
      } catch (error) {
        for (const [index] of group) failures[index] = { error };
      }
    }),
  );
  return failures;
}

/** The shortest retention of the owners: no owner's data may be kept longer than promised to it. */
function retentionOf(owners: readonly Account[]): number | undefined {
  const days = owners.flatMap(({ rawRetentionDays }) => rawRetentionDays ?? []);
  return days.length === 0 ? undefined : Math.min(...days);
}

/** @returns Undefined when all owners are gone: then nothing may be kept. */
async function toArchivable(
  archiveKeys: ArchiveKeys,
  { message, owners }: EndedRequest,
): Promise<ArchivableRequest | undefined> {
  const known = await Promise.all(
    owners.map(async (account): Promise<ArchiveOwner | undefined> => {
      const key = await archiveKeys.keyOf(account);
      return key === undefined ? undefined : { account: account.id, createdAt: account.createdAt, key };
    }),
  );
  const left = known.filter((owner) => owner !== undefined);
  return owners.length > 0 && left.length === 0 ? undefined : { message, owners: left };
}
