import { DeleteItemCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { CredentialStore, StoredCredentials } from '../../../ports/provider/credential-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { type Row, readRows, toItem } from '../rows/row-codecs.ts';

const maxCached = 500;

/** Credentials of accounts: a row each, whose values are sealed with a key of their own. */
export function createDynamoCredentialStore(client: DynamoDBClient, table: string, clock: Clock): CredentialStore {
  const cache = createCache(clock);
  return {
    async get(account, maxAgeMs) {
      const cached = cache.find(account, maxAgeMs);
      if (cached !== undefined) return cached;
      const remember = cache.remembering();
      const [row] = await readRows(client, table, [{ account }]);
      if (row !== undefined) return remember(toStored(row));
      cache.forget(account);
      return undefined;
    },
    async getMany(accounts) {
      const rows = await readRows(
        client,
        table,
        accounts.map((account) => ({ account })),
      );
      return rows.map(toStored);
    },
    async replace(credentials) {
      const { account, revision } = credentials;
      // The first revision is the time, so that it is above those of removed credentials: a writer that read them loses.
      const next = { ...credentials, revision: revision === 0 ? clock.nowMs() : revision + 1 };
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...next }),
        ConditionExpression: revision === 0 ? 'attribute_not_exists(account)' : 'revision = :read',
        ...(revision === 0 ? {} : { ExpressionAttributeValues: toItem({ ':read': revision }) }),
      });
      const isWritten = await cache.changing(account, async () => putOnCondition(client, put));
      return isWritten ? cache.remembering()(next) : undefined;
    },
    async remove(account) {
      const removal = new DeleteItemCommand({ TableName: table, Key: toItem({ account }) });
      await cache.changing(account, async () => client.send(removal));
    },
  };
}

/** The credentials that this process read or wrote last. */
function createCache(clock: Clock) {
  const cached = new Map<string, { readonly stored: StoredCredentials; readonly readAtMs: number }>();
  let changes = 0;
  function forget(account: string): void {
    changes += 1;
    cached.delete(account);
  }
  return {
    find(account: string, maxAgeMs: number): StoredCredentials | undefined {
      const known = cached.get(account);
      const isFresh = known !== undefined && maxAgeMs > 0 && clock.nowMs() - known.readAtMs <= maxAgeMs;
      return isFresh ? known.stored : undefined;
    },
    forget,
    /** Change stored credentials, and forget them however that ends. */
    async changing<T>(account: string, change: () => Promise<T>): Promise<T> {
      try {
        return await change();
      } finally {
        forget(account);
      }
    },
    /** Begin a read. @returns Remembers its answer, unless this process has learned more since. */
    remembering() {
      const changesBefore = changes;
      const readAtMs = clock.nowMs();
      return (stored: StoredCredentials): StoredCredentials => {
        const known = cached.get(stored.account);
        const isKnownLater =
          known !== undefined && known.readAtMs >= readAtMs && known.stored.revision > stored.revision;
        if (changes !== changesBefore || isKnownLater) return stored;
        cached.delete(stored.account);
        cached.set(stored.account, { stored, readAtMs });
        const [oldest] = cached.keys();
        if (cached.size > maxCached && oldest !== undefined) cached.delete(oldest);
        return stored;
      };
    },
  };
}

function toStored(row: Row): StoredCredentials {
  return row as unknown as StoredCredentials;
}
