import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import type { ClaimStore } from '../../lambdas/ports/events/claim-store.ts';
import type { ArchivableRequest, RawArchive, RawArchiveReader } from '../../lambdas/ports/events/raw-archive.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { createInMemoryClaimStore } from './in-memory-claim-store.ts';
import { pageOf } from './page-of.ts';

export interface InMemoryRawArchive extends RawArchive, RawArchiveReader, Dumpable {
  /** Objects, each with its requests and its retention in days. */
  objects(): readonly ArchiveObject[];
}

interface ArchiveObject {
  readonly requests: readonly ArchivableRequest[];
  readonly retentionDays: number | undefined;
}

export function createInMemoryRawArchive(
  bodies: Pick<ClaimStore, 'get'> = createInMemoryClaimStore(),
): InMemoryRawArchive {
  const objects = new Map<string, ArchiveObject>();
  const timesOf = ({ requests }: ArchiveObject) => requests.map(({ message }) => Date.parse(message.receivedAt));
  return {
    // Account keys stand in for encryption.
    dump: () => dumpOf(objects),
    objects: () => [...objects.values()],
    async put(requests, retentionDays) {
      const ids = requests.map(({ message }) => message.rawId).sort();
      const [earliest = ''] = requests.map(({ message }) => message.receivedAt).sort();
      objects.set(`${earliest} ${ids.join()}`, { requests: structuredClone(requests), retentionDays });
    },
    async list(sinceMs, untilMs, after) {
      const within = [...objects]
        .filter(([, object]) => Math.min(...timesOf(object)) < untilMs && Math.max(...timesOf(object)) >= sinceMs)
        .map(([key]) => key);
      return pageOf(within, (key) => key, 2, after);
    },
    async bodyOf({ body }) {
      return body.kind === 'claim' ? bodies.get(body.key) : Buffer.from(body.content, body.encoding);
    },
    async read(key) {
      const object = objects.get(key);
      if (object === undefined) return undefined;
      const alike = Map.groupBy(object.requests, ({ message, owners }) =>
        JSON.stringify([message.integration, owners.map(({ account, createdAt }) => [account, createdAt])]),
      );
      return [...alike.values()].map((requests) => {
        const [{ message, owners }] = requests as [ArchivableRequest];
        return {
          integration: message.integration,
          owners: owners.map(({ account, createdAt }) => ({ account, createdAt })),
          count: requests.length,
          open(owner) {
            const opens = owners.some(
              ({ account, createdAt, key: sealed }) =>
                account === owner?.account && createdAt === owner.createdAt && sealed === owner.key,
            );
            if (owners.length > 0 && !opens) return undefined;
            return requests.map((request): RawMessage => structuredClone(request.message));
          },
        };
      });
    },
  };
}
