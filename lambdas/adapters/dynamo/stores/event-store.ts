import { type DynamoDBClient, GetItemCommand, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { EventLocator, EventReader, EventRow, EventWriter, FeedRow } from '../../../ports/events/event-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { packEventRow, readEventRow } from '../rows/packed-event-row.ts';
import { fromItem, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { writeRows } from '../rows/row-writes.ts';
import { createExpiries, type ExpiryOptions } from '../rows/tenant-expiry.ts';
import { fromTraceBytes, toTraceBytes } from '../rows/trace-bytes.ts';
import { createEventClaims } from './event-claims.ts';

/** Sort key of the row that counts a tenant's sequence: events are numbered from 1. */
export const counterSequence = 0;

/** Rows to read per query after a page of expired rows. */
const expiredAtATime = 500;

export interface EventTables {
  readonly events: string;
  readonly idempotency: string;
}

/** Writes the events table (each tenant's feed, by number) and the idempotency table (the owner of each event id). */
export function createDynamoEventWriter(
  client: DynamoDBClient,
  tables: EventTables,
  options: ExpiryOptions,
): EventWriter {
  const { clock } = options;
  const expiriesOf = createExpiries(options);
  const claims = createEventClaims(client, tables.idempotency, options);
  return {
    claim: claims.claim,
    findClaim: claims.find,
    moveClaim: claims.move,
    point: claims.point,
    takeSequences: (tenant, count) => takeSequences(client, tables.events, tenant, count),
    async writeRows(rows, untilMs, pointers = []) {
      const expiryOf = await expiriesOf(rows.map(({ tenant }) => tenant));
      const signal = untilMs === undefined ? undefined : endsAt(clock, untilMs);
      // A retry finds a row that its record no longer remembers by the pointer alone, so no row is without one.
      await claims.put(pointers, signal);
      await writeRows(
        client,
        tables.events,
        rows.map((row) => packEventRow({ ...withTraceBytes(row), [ttlAttribute]: expiryOf(row.tenant) })),
        signal,
      );
    },
  };
}

/** Half the bytes of its text: an event's row is paid for by its size. */
function withTraceBytes(row: object): Row {
  const { correlation_id: traceId, ...rest } = row as Row & { readonly correlation_id?: string };
  return { ...rest, trace: toTraceBytes(traceId) };
}

async function takeSequences(client: DynamoDBClient, table: string, tenant: string, count: number): Promise<number> {
  const { Attributes } = await client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: toItem({ tenant, sequence: counterSequence }),
      UpdateExpression: 'ADD #taken :count',
      ExpressionAttributeNames: { '#taken': 'taken' },
      ExpressionAttributeValues: toItem({ ':count': count }),
      ReturnValues: 'UPDATED_NEW',
    }),
  );
  const taken = Attributes === undefined ? undefined : fromItem(Attributes)['taken'];
  if (typeof taken !== 'number')
    throw new EngineError('corrupt-state', `the sequence of tenant ${tenant} is not a number`, { retryable: false });
  return taken - count + 1;
}

/** A timer instead of a check before each call, because it also aborts calls in flight. */
function endsAt(clock: Clock, untilMs: number): AbortSignal {
  const leftMs = untilMs - clock.nowMs();
  return leftMs <= 0 ? AbortSignal.abort() : AbortSignal.timeout(leftMs);
}

/** Reads the events table. */
export function createDynamoEventReader(client: DynamoDBClient, table: string, clock: Clock): EventReader {
  return {
    async getMany(keys, mayLag = false) {
      const rowKeys = keys.map(({ tenant, sequence }) => ({ tenant, sequence }));
      const rows = await readRows(client, table, rowKeys, { mayLag });
      return rows.flatMap((row) => {
        if (!isLive(row, clock.nowMs()) || row['sealed'] === true) return [];
        const { writtenAtMs: _, ...event } = toFeedRow(row);
        return [event as EventRow];
      });
    },

    async firstAfter(tenant, sequence) {
      const { Items = [] } = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: 1,
          KeyConditionExpression: 'tenant = :tenant AND #sequence > :after',
          ExpressionAttributeNames: { '#sequence': 'sequence' },
          ExpressionAttributeValues: toItem({ ':tenant': tenant, ':after': Math.max(sequence, counterSequence) }),
        }),
      );
      const [item] = Items;
      if (item === undefined) return undefined;
      const { sequence: found, writtenAtMs } = fromItem(item);
      return { sequence: Number(found), writtenAtMs: Number(writtenAtMs) };
    },

    async listAfter(tenant, sequence, limit) {
      const rows: FeedRow[] = [];
      let after = Math.max(sequence, counterSequence);
      let isAmongExpired = false;
      // A DynamoDB page ends at 1 MB, and expired rows are dropped: continue until the limit or the end.
      for (;;) {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            ConsistentRead: true,
            // DynamoDB deletes expired rows days late. Read many at a time, even for a caller that wants one row.
            Limit: Math.max(limit - rows.length, isAmongExpired ? expiredAtATime : 0),
            KeyConditionExpression: 'tenant = :tenant AND #sequence > :after',
            ExpressionAttributeNames: { '#sequence': 'sequence' },
            ExpressionAttributeValues: toItem({ ':tenant': tenant, ':after': after }),
          }),
        );
        for (const item of answer.Items ?? []) {
          const row = fromItem(item);
          if (isLive(row, clock.nowMs())) rows.push(toFeedRow(row));
        }
        if (answer.LastEvaluatedKey === undefined || rows.length >= limit) return rows.slice(0, limit);
        isAmongExpired = rows.length === 0;
        after = Number(fromItem(answer.LastEvaluatedKey)['sequence']);
      }
    },
  };
}

/** Finds an event's key by its id, in the idempotency table. */
export function createDynamoEventLocator(client: DynamoDBClient, table: string, clock: Clock): EventLocator {
  return {
    async locate(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      if (Item === undefined) return undefined;
      const row = fromItem(Item);
      const { tenant, sequence, owner } = row;
      // The table also holds nonces and answers.
      return typeof tenant === 'string' && typeof sequence === 'number' && isLive(row, clock.nowMs())
        ? { tenant, sequence, ...(typeof owner === 'string' ? { owner } : {}) }
        : undefined;
    },
  };
}

function toFeedRow(row: Row): FeedRow {
  const { [ttlAttribute]: _, trace, ...rest } = readEventRow(row);
  const traceId = fromTraceBytes(trace);
  const own = traceId === undefined ? {} : { correlation_id: traceId };
  return { inlineData: undefined, claimKey: undefined, ...rest, ...own } as unknown as FeedRow;
}
