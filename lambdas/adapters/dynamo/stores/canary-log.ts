import { type DynamoDBClient, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import {
  type CanaryCounts,
  type CanaryDifference,
  type CanaryKey,
  type CanaryReader,
  type CanaryTrial,
  type CanaryWriter,
  maxKeptDifferences,
} from '../../../ports/accounts/canary-log.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { fromItem, type Item, isLive, type Row, toItem } from '../rows/row-codecs.ts';
import type { ExpiryOf } from '../rows/tenant-expiry.ts';

/** Longest life of a difference: it holds values of events. */
const keptSeconds = 7 * 86_400;
/** Reads of one list; a page holds 1 MB, which is some hundred differences. */
const maxPages = 5;

/*
 * Layout, in the statistics table, whose rows of a tenant its erasure finds by their partition. Rows of counts begin
 * with a date, and so sort before these.
 *
 *   partition   sort                                                  attributes
 *   <tenant>    canary#<integration>#<version>#<account>#counts       compared, different, failed, written
 *   <tenant>    canary#<integration>#<version>#<account>#<0 to 19>    difference (JSON)
 *
 * The differences of an account are a ring: `written` tells where the next one goes, so nothing is read or deleted.
 */

const prefixOf = ({ integration, version }: Pick<CanaryKey, 'integration' | 'version'>) =>
  `canary#${integration}#${version}#`;

export function createDynamoCanaryWriter(
  client: DynamoDBClient,
  table: string,
  { clock, expiries }: { readonly clock: Clock; readonly expiries: (tenants: readonly string[]) => Promise<ExpiryOf> },
): CanaryWriter {
  return {
    async add(key, { compared, different, failed }, differences) {
      const { tenant, account } = key;
      const expiresAt = Math.min((await expiries([tenant]))(tenant), Math.ceil(clock.nowMs() / 1000) + keptSeconds);
      const sort = (name: string | number) => `${prefixOf(key)}${account}#${name}`;
      const kept = differences.slice(-maxKeptDifferences);
      const { Attributes = {} } = await client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: toItem({ scope: tenant, hourIntegration: sort('counts') }),
          UpdateExpression:
            'SET #expiry = :expiry ADD compared :compared, #different :different, failed :failed, written :written',
          ExpressionAttributeNames: { '#expiry': ttlAttribute, '#different': 'different' },
          ExpressionAttributeValues: toItem({
            ':expiry': expiresAt,
            ':compared': compared,
            ':different': different,
            ':failed': failed,
            ':written': kept.length,
          }),
          ReturnValues: 'UPDATED_NEW',
        }),
      );
      const first = Number(fromItem(Attributes)['written'] ?? kept.length) - kept.length;
      await Promise.all(
        kept.map((difference, index) =>
          client.send(
            new UpdateItemCommand({
              TableName: table,
              Key: toItem({ scope: tenant, hourIntegration: sort((first + index) % maxKeptDifferences) }),
              UpdateExpression: 'SET #expiry = :expiry, difference = :difference',
              ExpressionAttributeNames: { '#expiry': ttlAttribute },
              ExpressionAttributeValues: toItem({
                ':expiry': expiresAt,
                ':difference': JSON.stringify(difference),
              }),
            }),
          ),
        ),
      );
    },
  };
}

export function createDynamoCanaryReader(client: DynamoDBClient, table: string, clock: Clock): CanaryReader {
  return {
    async list(tenant, integration, version) {
      const prefix = prefixOf({ integration, version });
      const rows: Row[] = [];
      let start: Item | undefined;
      let pages = 0;
      do {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: '#scope = :tenant AND begins_with(hourIntegration, :prefix)',
            ExpressionAttributeNames: { '#scope': 'scope' },
            ExpressionAttributeValues: toItem({ ':tenant': tenant, ':prefix': prefix }),
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        rows.push(...(answer.Items ?? []).map(fromItem));
        start = answer.LastEvaluatedKey;
        pages += 1;
      } while (start !== undefined && pages < maxPages);
      const live = rows.filter((row) => isLive(row, clock.nowMs()));
      const byAccount = Map.groupBy(live, ({ hourIntegration }) => accountOf(String(hourIntegration), prefix));
      return [...byAccount].map(([account, own]) => toTrial(account, own));
    },
  };
}

/** An account's id holds no `#`. */
function accountOf(sort: string, prefix: string): string {
  return sort.slice(prefix.length).split('#')[0] ?? '';
}

function toTrial(account: string, rows: readonly Row[]): CanaryTrial {
  const counted = rows.find(({ difference }) => difference === undefined) ?? {};
  const count = (name: keyof CanaryCounts) => Number(counted[name] ?? 0);
  const differences = rows
    .flatMap(({ difference }) =>
      difference === undefined ? [] : (JSON.parse(difference as string) as CanaryDifference),
    )
    .sort((one, other) => (one.at < other.at ? 1 : -1));
  return {
    account,
    counts: { compared: count('compared'), different: count('different'), failed: count('failed') },
    differences,
  };
}
