import { type DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { auditByScopeIndex, ttlAttribute } from '../../../contracts/tables.ts';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { ClaimStore } from '../../../ports/events/claim-store.ts';
import type { AuditEntry, AuditLog, AuditQuery } from '../../../ports/tenants/audit-log.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, toItem } from '../rows/row-codecs.ts';

const secondsPerDay = 86_400;
const msPerDay = secondsPerDay * 1000;
/** The scope of entries that concern all tenants. */
const allTenants = '*';
/** An item holds 400 KB, and an object is rarely a hundredth of that. Larger details are stored in S3 only. */
const maxDetailBytes = 128 * 1024;
/** Days that one call reads: a log may span years. */
const maxDays = 32;

const dayOf = (at: string) => at.slice(0, 10);

interface LogContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly copies: Pick<ClaimStore, 'put'>;
  readonly retentionDays: number;
}

/**
 * The audit: a table for lookups by day and by tenant, and a copy of every entry in S3 that cannot be changed (Object
 * Lock in prod). S3 holds each entry twice: as it began, and as it ended.
 */
export function createDynamoAuditLog(
  client: DynamoDBClient,
  table: string,
  copies: Pick<ClaimStore, 'put'>,
  { retentionDays }: { readonly retentionDays: number },
): AuditLog {
  const context: LogContext = { client, table, copies, retentionDays };
  return {
    async begin(entry) {
      const put = new PutItemCommand({ TableName: table, Item: toItem(toRow(entry, retentionDays)) });
      await Promise.all([client.send(put), copyEntry(context, entry, 'begun')]);
    },
    end: (entry) => endEntry(context, entry),
    note: (entry) => noteEntry(context, entry),
    list: (query) => listEntries(context, query),
  };
}

async function endEntry(context: LogContext, entry: AuditEntry): Promise<void> {
  const { client, table, retentionDays } = context;
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(toRow(entry, retentionDays)),
    ConditionExpression: 'attribute_not_exists(#day) OR #status = :open',
    ExpressionAttributeNames: { '#day': 'day', '#status': 'status' },
    ExpressionAttributeValues: toItem({ ':open': null }),
  });
  await Promise.all([putOnCondition(client, put), copyEntry(context, entry, 'ended')]);
}

async function noteEntry(context: LogContext, entry: AuditEntry): Promise<void> {
  const { client, table, retentionDays } = context;
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(toRow(entry, retentionDays)),
    ConditionExpression: 'attribute_not_exists(#day)',
    ExpressionAttributeNames: { '#day': 'day' },
  });
  // In sequence: only the first entry with this key is copied.
  if (await putOnCondition(client, put)) await copyEntry(context, entry, 'ended');
}

async function copyEntry({ copies }: LogContext, entry: AuditEntry, phase: 'begun' | 'ended'): Promise<void> {
  await copies.put(
    `${entry.at.slice(0, 10).replaceAll('-', '/')}/${entry.id}.${phase}.json`,
    Buffer.from(JSON.stringify(entry)),
    'application/json',
  );
}

async function listEntries(
  context: LogContext,
  { tenant, since, until, after, limit }: AuditQuery,
): Promise<Page<AuditEntry>> {
  // Every entry's key is longer than a bare time, so entries of the instant `until` sort after this bound.
  const before = after !== undefined && after < until ? after : until;
  if (tenant !== undefined)
    return queryBefore(context, { index: auditByScopeIndex, name: 'scope', value: tenant }, { since, before, limit });
  const items: AuditEntry[] = [];
  let day = dayOf(before);
  for (let looked = 0; looked < maxDays && day >= dayOf(since); looked += 1) {
    const page = await queryBefore(
      context,
      { name: 'day', value: day },
      { since, before, limit: limit - items.length },
    );
    items.push(...page.items);
    if (page.next !== undefined) return { items, next: page.next };
    // The first instant of the day: the next page continues with earlier days.
    if (items.length === limit) return { items, next: day > dayOf(since) ? day : undefined };
    day = dayOf(new Date(Date.parse(day) - msPerDay).toISOString());
  }
  return { items, next: day >= dayOf(since) ? `${day}T23:59:59.999Z#~` : undefined };
}

/**
 * Entries of a partition before a key, newest first.
 *
 * The cursor is a bound, not a start key: DynamoDB rejects a start key outside of the queried range, and a caller may
 * combine its cursor with another time span.
 */
async function queryBefore(
  { client, table }: LogContext,
  partition: { readonly index?: string; readonly name: string; readonly value: string },
  { since, before, limit }: { readonly since: string; readonly before: string; readonly limit: number },
): Promise<Page<AuditEntry>> {
  if (since > before) return { items: [], next: undefined };
  const { Items = [], LastEvaluatedKey } = await client.send(
    new QueryCommand({
      TableName: table,
      ...(partition.index === undefined ? {} : { IndexName: partition.index }),
      // One more than the caller wants: the range includes the bound itself.
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

function toRow(entry: AuditEntry, retentionDays: number): Row {
  const { before, after, ...rest } = entry;
  // Objects are stored as text, which keeps any shape and any number.
  const detail = JSON.stringify({ before, after });
  return {
    ...rest,
    day: dayOf(entry.at),
    entry: `${entry.at}#${entry.id}`,
    scope: entry.tenant ?? allTenants,
    detail: Buffer.byteLength(detail) > maxDetailBytes ? undefined : detail,
    [ttlAttribute]: Math.ceil(Date.parse(entry.at) / 1000) + retentionDays * secondsPerDay,
  };
}

function toEntry(row: Row): AuditEntry {
  const { id, at, operation, object, tenant, actor, source, status, fields, detail } = row;
  const { before, after } = typeof detail === 'string' ? (JSON.parse(detail) as Row) : { before: null, after: null };
  return { id, at, operation, object, tenant, actor, source, status, fields, before, after } as AuditEntry;
}
