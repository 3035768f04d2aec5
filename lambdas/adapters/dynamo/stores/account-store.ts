import { isDeepStrictEqual } from 'node:util';
import { type DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { Account, AccountStore, AccountWriter, ArchiveKeys } from '../../../ports/accounts/account-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { putOnCondition, updateOnCondition } from '../rows/conditions.ts';
import { fromItem, type Item, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** Bound of one function instance's cache. */
const maxRemembered = 5_000;

/** Read a row of the accounts table. The context is stored as JSON text, which keeps any shape and any number. */
export function toAccount(row: Row): Account {
  // Rows of older versions have no revision. An account whose tenant was erased has no `tenant`.
  return { tenant: '', revision: 0, ...row, context: JSON.parse(String(row['context'])) } as unknown as Account;
}

/** Whether the account was removed: its row holds only the id. An erased account's row is still marked as closed. */
function isRemoved(row: Row): boolean {
  return row['tenant'] === undefined && row['closed'] !== true;
}

export function toAccountItem(account: Account): Item {
  return toItem({ ...account, context: JSON.stringify(account.context) });
}

export function createDynamoAccountWriter(client: DynamoDBClient, table: string): AccountWriter {
  return {
    async replace(account) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toAccountItem({ ...account, revision: account.revision + 1 }),
        // Compare `createdAt`, too: another account may have the id by now, with the same revision.
        ConditionExpression:
          'tenant = :tenant AND createdAt = :createdAt AND (revision = :read OR (attribute_not_exists(revision) AND :read = :none))',
        ExpressionAttributeValues: toItem({
          ':tenant': account.tenant,
          ':createdAt': account.createdAt,
          ':read': account.revision,
          ':none': 0,
        }),
      });
      return putOnCondition(client, put);
    },
  };
}

/** Reads accounts, and caches them for as long as each caller allows. */
export function createDynamoAccountStore(client: DynamoDBClient, table: string, clock: Clock): AccountStore {
  const remembered = new Map<string, { readonly account: Account; readonly readAtMs: number }>();
  return {
    async get(id, maxAgeMs) {
      const known = remembered.get(id);
      if (known !== undefined && clock.nowMs() - known.readAtMs < maxAgeMs) return known.account;
      remembered.delete(id);
      const readAtMs = clock.nowMs();
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      if (row === undefined || !isLive(row, clock.nowMs()) || isRemoved(row)) return undefined;
      const account = toAccount(row);
      // Do not cache a closed account: another account may get its id at any time.
      if (account.closed === true) return account;
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(id, { account, readAtMs });
      return account;
    },
    async confirm(accounts) {
      const rows = await readRows(
        client,
        table,
        accounts.map(({ id }) => ({ id })),
      );
      const stored = new Map(rows.map((row) => [row['id'], row]));
      return accounts.map((account) => {
        const row = stored.get(account.id);
        const isSame = row !== undefined && !isRemoved(row) && isLive(row, clock.nowMs()) && isUnchanged(account, row);
        if (!isSame) remembered.delete(account.id);
        return isSame;
      });
    },
  };
}

/** Whether the account still owns the same requests. Most writes (a secret, an archive key) do not change that. */
function isUnchanged(account: Account, row: Row): boolean {
  const { tenant, integration, context, createdAt, closed } = toAccount(row);
  return (
    closed !== true &&
    tenant === account.tenant &&
    integration === account.integration &&
    createdAt === account.createdAt &&
    isDeepStrictEqual(context, account.context)
  );
}

const archiveKeyBytes = 32;

/** Archive keys of accounts, in their rows. */
export function createDynamoArchiveKeys(client: DynamoDBClient, table: string, randomness: Randomness): ArchiveKeys {
  // A caller with a stale account, from before it got its key, must not read the key again for each batch.
  const given = new Map<string, Promise<string | undefined>>();
  async function give({ id, createdAt }: Account): Promise<string | undefined> {
    const key = randomness.bytes(archiveKeyBytes).toString('base64');
    const update = new UpdateItemCommand({
      TableName: table,
      Key: toItem({ id }),
      // Raises the revision, so that a caller that read the row before cannot write it back without the key.
      UpdateExpression: 'SET archiveKey = :key ADD revision :one',
      ConditionExpression:
        'createdAt = :createdAt AND attribute_exists(tenant) AND attribute_not_exists(closed) AND attribute_not_exists(archiveKey)',
      ExpressionAttributeValues: toItem({ ':key': key, ':createdAt': createdAt, ':one': 1 }),
    });
    if (await updateOnCondition(client, update)) return key;
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
    );
    const row = Item === undefined ? undefined : fromItem(Item);
    return row?.['createdAt'] === createdAt ? (row['archiveKey'] as string | undefined) : undefined;
  }
  return {
    async keyOf(account) {
      if (account.archiveKey !== undefined) return account.archiveKey;
      const name = JSON.stringify([account.id, account.createdAt]);
      const known = given.get(name);
      if (known !== undefined) return known;
      if (given.size >= maxRemembered) given.clear();
      const giving = give(account);
      given.set(name, giving);
      giving.catch(() => given.delete(name));
      return giving;
    },
  };
}
