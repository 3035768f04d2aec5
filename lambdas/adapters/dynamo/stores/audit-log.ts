import { type DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { auditByScopeIndex, ttlAttribute } from '../../../contracts/tables.ts';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { ClaimStore } from '../../../ports/events/claim-store.ts';
import type { AuditEntry, AuditLog } from '../../../ports/tenants/audit-log.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, toItem } from '../rows/row-codecs.ts';

const secondsPerDay = 86_400;
const msPerDay = secondsPerDay * 1000;
/** What concerns all tenants is listed with all. */
const allTenants = '*';
/** An item holds 400 KB, and an object is rarely a hundredth of that. What is larger stands in S3 alone. */
const maxDetailBytes = 128 * 1024;
/** Days that one call looks into: a log may have years. */
const maxDays = 32;

const dayOf = (at: string) => at.slice(0, 10);

/**
 * The audit: a table to look things up in, by day and by tenant, and a copy of every entry in S3 that no one may
 * change (Object Lock in prod). An entry stands twice in S3: as it began, and as it ended.
 */
export function createDynamoAuditLog(
  client: DynamoDBClient,
  table: string,
  copies: Pick<ClaimStore, 'put'>,
  { retentionDays }: { readonly retentionDays: number },
): AuditLog {
  const copy = (entry: AuditEntry, phase: 'begun' | 'ended') =>
    copies.put(
      `${entry.at.slice(0, 10).replaceAll('-', '/')}/${entry.id}.${phase}.json`,
      Buffer.from(JSON.stringify(entry)),
      'application/json',
    );
  const toRow = (entry: AuditEntry): Row => {
    const { before, after, ...rest } = entry;
    // Objects are kept as text: they have shapes and numbers of their own.
    const detail = JSON.stringify({ before, after });
    return {
      ...rest,
      day: dayOf(entry.at),
      entry: `${entry.at}#${entry.id}`,
      scope: entry.tenant ?? allTenants,
      detail: Buffer.byteLength(detail) > maxDetailBytes ? undefined : detail,
      [ttlAttribute]: Math.ceil(Date.parse(entry.at) / 1000) + retentionDays * secondsPerDay,
    };
  };

  /**
   * Entries of a partition, newest first, that lie before a key.
   *
   * The place to go on from is a bound rather than a start key: DynamoDB refuses a start key that is outside of
   * what is asked for, and a caller may ask for another span with the cursor it has.
   */
  async function query(
    partition: { readonly index?: string; readonly name: string; readonly value: string },
    { since, before, limit }: { readonly since: string; readonly before: string; readonly limit: number },
  ): Promise<Page<AuditEntry>> {
    if (since > before) return { items: [], next: undefined };
    const { Items = [], LastEvaluatedKey } = await client.send(
      new QueryCommand({
        TableName: table,
        ...(partition.index === undefined ? {} : { IndexName: partition.index }),
        // One more than is asked for: the bound itself is within.
        Limit: limit + 1,
        ScanIndexForward: false,
        KeyConditionExpression: '#partition = :partition AND #entry BETWEEN :since AND :before',
        ExpressionAttributeNames: { '#partition': partition.name, '#entry': 'entry' },
        ExpressionAttributeValues: toItem({ ':partition': partition.value, ':since': since, ':before': before }),
      }),
    );
    const rows = Items.map(fromItem).filter((row) => row['entry'] !== before);
    const items = rows.slice(0, limit);
    const isMore = rows.length > limit || LastEvaluatedKey !== undefined;
    const last = items.at(-1)?.['entry'];
    return { items: items.map(toEntry), next: isMore && typeof last === 'string' ? last : undefined };
  }

  return {
    async begin(entry) {
      await Promise.all([
        client.send(new PutItemCommand({ TableName: table, Item: toItem(toRow(entry)) })),
        copy(entry, 'begun'),
      ]);
    },
    async end(entry) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(toRow(entry)),
        ConditionExpression: 'attribute_not_exists(#day) OR #status = :open',
        ExpressionAttributeNames: { '#day': 'day', '#status': 'status' },
        ExpressionAttributeValues: toItem({ ':open': null }),
      });
      await Promise.all([putOnCondition(client, put), copy(entry, 'ended')]);
    },
    async note(entry) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(toRow(entry)),
        ConditionExpression: 'attribute_not_exists(#day)',
        ExpressionAttributeNames: { '#day': 'day' },
      });
      // One after the other: only the first of its kind is copied.
      if (await putOnCondition(client, put)) await copy(entry, 'ended');
    },
    async list({ tenant, since, until, after, limit }) {
      // No entry's key is a bare time: what is of the instant `until` comes after it.
      const before = after !== undefined && after < until ? after : until;
      if (tenant !== undefined)
        return query({ index: auditByScopeIndex, name: 'scope', value: tenant }, { since, before, limit });
      const items: AuditEntry[] = [];
      let day = dayOf(before);
      for (let looked = 0; looked < maxDays && day >= dayOf(since); looked += 1) {
        const page = await query({ name: 'day', value: day }, { since, before, limit: limit - items.length });
        items.push(...page.items);
        if (page.next !== undefined) return { items, next: page.next };
        // The first moment of a day: what lies before it is of earlier days.
        if (items.length === limit) return { items, next: day > dayOf(since) ? day : undefined };
        day = dayOf(new Date(Date.parse(day) - msPerDay).toISOString());
      }
      return { items, next: day >= dayOf(since) ? `${day}T23:59:59.999Z#~` : undefined };
    },
  };
}

function toEntry(row: Row): AuditEntry {
  const { id, at, operation, object, tenant, actor, source, status, fields, detail } = row;
  const { before, after } = typeof detail === 'string' ? (JSON.parse(detail) as Row) : { before: null, after: null };
  return { id, at, operation, object, tenant, actor, source, status, fields, before, after } as AuditEntry;
}
