import { DeleteItemCommand, type DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { ContextClaim, ContextRecord } from '../../../engine/account/context-claims.ts';
import type {
  AccountContextRegistry,
  AccountContexts,
  RememberedContexts,
  SharedContexts,
} from '../../../ports/accounts/account-contexts.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, readPartition, readRows, toItem } from '../rows/row-codecs.ts';

/*
 * A partition for each integration and value. One row holds the claims of the value. In versions without claims, each
 * account that registered the value had a separate row, sorted by its id. No id begins with `#`, so the row of claims
 * is the first of its partition.
 */

export const claimsKey = '#claims';

/** An integration's name has no space, so no two pairs have the same key. */
export function contextKey(integration: string, value: string): string {
  return `${integration} ${value}`;
}

/** The inverse of {@link contextKey}; a value may contain spaces. */
export function readContextKey(key: string): { readonly integration: string; readonly value: string } {
  const at = key.indexOf(' ');
  return { integration: key.slice(0, at), value: key.slice(at + 1) };
}

export function claimsIn(row: Row): readonly ContextClaim[] {
  return row['claims'] as readonly ContextClaim[];
}

export function createDynamoAccountContexts(client: DynamoDBClient, table: string): AccountContexts {
  return {
    async find(integration, value) {
      const rows = await readPartition(client, table, ['context', contextKey(integration, value)]);
      const row = rows.find(({ account }) => account === claimsKey);
      const { released } = (row ?? {}) as Pick<ContextRecord, 'released'>;
      return {
        claims: row === undefined ? [] : claimsIn(row),
        registered: rows.filter((one) => one !== row).map(({ account }) => String(account)),
        ...(released === undefined ? {} : { released }),
        revision: Number(row?.['revision'] ?? 0),
      };
    },
  };
}

/** Bound of one function instance's cache. */
const maxRemembered = 5_000;

export function createDynamoRememberedContexts(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
): RememberedContexts {
  const contexts = createDynamoAccountContexts(client, table);
  const remembered = new Map<string, { readonly record: ContextRecord; readonly readAtMs: number }>();
  return {
    async recall(integration, value, maxAgeMs) {
      const key = contextKey(integration, value);
      const known = remembered.get(key);
      if (known !== undefined && clock.nowMs() - known.readAtMs < maxAgeMs) return known.record;
      const readAtMs = clock.nowMs();
      const record = await contexts.find(integration, value);
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(key, { record, readAtMs });
      return record;
    },
    async confirm(found) {
      const keys = found.map(({ integration, value }) => contextKey(integration, value));
      const rows = await readRows(
        client,
        table,
        keys.map((context) => ({ context, account: claimsKey })),
      );
      const revisions = new Map(rows.map((row) => [row['context'], Number(row['revision'])]));
      return found.map(({ record }, index) => {
        const key = keys[index] as string;
        const isSame = (revisions.get(key) ?? 0) === record.revision;
        if (!isSame) remembered.delete(key);
        return isSame;
      });
    },
  };
}

/** @param keptDays - How long a queue or the parked requests may hold a request of a former owner. */
export function createDynamoContextRegistry(
  client: DynamoDBClient,
  table: string,
  { clock, keptDays }: { readonly clock: Clock; readonly keptDays: number },
): AccountContextRegistry {
  return {
    ...createDynamoAccountContexts(client, table),
    async replace(integration, value, { claims, released, revision }) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({
          context: contextKey(integration, value),
          account: claimsKey,
          claims,
          released,
          revision: revision + 1,
          ...(claims.length > 0 ? {} : { [ttlAttribute]: Math.ceil(clock.nowMs() / 1000) + keptDays * 86_400 }),
        }),
        ConditionExpression: 'revision = :read OR (attribute_not_exists(revision) AND :read = :none)',
        ExpressionAttributeValues: toItem({ ':read': revision, ':none': 0 }),
      });
      return putOnCondition(client, put);
    },
    async forget(integration, value, account) {
      const key = { context: contextKey(integration, value), account };
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem(key) }));
    },
  };
}

/** Longest position that fits into a cursor. */
const maxPositionCharacters = 512;

export function createDynamoSharedContexts(client: DynamoDBClient, table: string): SharedContexts {
  return {
    async listShared(limit, after) {
      const begin = after === undefined ? undefined : (JSON.parse(after) as Row);
      let last = begin;
      let next: string | undefined;
      const rows: Row[] = [];
      do {
        const answer = await client.send(
          new ScanCommand({
            TableName: table,
            ConsistentRead: true,
            Limit: limit,
            ...(last === undefined ? {} : { ExclusiveStartKey: toItem(last) }),
          }),
        );
        rows.push(...(answer.Items ?? []).map(fromItem));
        last = answer.LastEvaluatedKey === undefined ? undefined : fromItem(answer.LastEvaluatedKey);
        next = last === undefined ? undefined : JSON.stringify(last);
        // A page ends only at a row whose key fits into a cursor.
      } while (next !== undefined && next.length > maxPositionCharacters);
      const found = Map.groupBy(rows, ({ context }) => String(context));
      const items = [...found].flatMap(([context, some]) => {
        // The page before has reported this value.
        if (context === begin?.['context']) return [];
        const owners = new Set(
          some.flatMap((row) => (row['account'] === claimsKey ? claimsIn(row) : [])).map(({ tenant }) => tenant),
        );
        const accounts = some.filter(({ account }) => account !== claimsKey).length;
        // More rows of this value may be on the next page.
        const isCut = context === last?.['context'];
        return owners.size > 1 || accounts > 1 || (accounts > 0 && owners.size > 0) || isCut
          ? [readContextKey(context)]
          : [];
      });
      return { items, next };
    },
  };
}
