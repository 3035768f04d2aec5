import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { limits } from '../../../contracts/limits.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { EventClaim, EventWriter } from '../../../ports/events/event-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { insertRows, writeRows } from '../rows/row-writes.ts';
import { createExpiries, type ExpiryOptions } from '../rows/tenant-expiry.ts';

/** The claims of event ids, in the idempotency table. */
export interface EventClaims {
  readonly claim: EventWriter['claim'];
  readonly find: EventWriter['findClaim'];
  readonly move: EventWriter['moveClaim'];
  readonly point: EventWriter['point'];
  /** Write claims over those that exist. */
  put(claims: readonly EventClaim[], signal: AbortSignal | undefined): Promise<void>;
}

export function createEventClaims(client: DynamoDBClient, table: string, options: ExpiryOptions): EventClaims {
  const { clock } = options;
  const expiriesOf = createExpiries(options);
  const toRow = async (claim: EventClaim): Promise<Row> => {
    const leastSeconds = Math.ceil(clock.nowMs() / 1000) + limits.minClaimDays * 86_400;
    const expiry = (await expiriesOf([claim.tenant]))(claim.tenant);
    return { ...claim, [ttlAttribute]: Math.max(expiry, leastSeconds) };
  };
  return {
    async claim(claim) {
      const row = await toRow(claim);
      const [insertion] = await insertRows(client, table, [row]);
      if (insertion instanceof Error) throw insertion;
      if (insertion === 'inserted') return claim;
      const standing = await standingClaim(client, table, claim.id);
      if (isLive(standing, clock.nowMs())) return toClaim(standing);
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(row),
        ConditionExpression: 'attribute_not_exists(id) OR #expiry < :now',
        ExpressionAttributeNames: { '#expiry': ttlAttribute },
        ExpressionAttributeValues: toItem({ ':now': Math.floor(clock.nowMs() / 1000) }),
      });
      return (await putOnCondition(client, put)) ? claim : toClaim(await standingClaim(client, table, claim.id));
    },

    async find(id) {
      const [row] = await readRows(client, table, [{ id }]);
      return row !== undefined && isLive(row, clock.nowMs()) ? toClaim(row) : undefined;
    },

    async move(from, to) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(await toRow(to)),
        ConditionExpression: '#owner = :owner AND #sequence = :sequence',
        ExpressionAttributeNames: { '#owner': 'owner', '#sequence': 'sequence' },
        ExpressionAttributeValues: toItem({ ':owner': from.owner, ':sequence': from.sequence }),
      });
      return putOnCondition(client, put);
    },

    async point(pointers) {
      try {
        const insertions = await insertRows(client, table, await Promise.all(pointers.map(toRow)));
        return new Set(pointers.flatMap(({ id }, index) => (insertions[index] === 'inserted' ? id : [])));
      } catch {
        // The tenant's retention could not be read.
        return new Set();
      }
    },

    async put(claims, signal) {
      await writeRows(client, table, await Promise.all(claims.map(toRow)), signal);
    },
  };
}

/**
 * The stored claim.
 *
 * @throws {contended} when the claim has expired and was deleted since the write; the input is then retried.
 */
async function standingClaim(client: DynamoDBClient, table: string, id: string): Promise<Row> {
  const [row] = await readRows(client, table, [{ id }]);
  if (row === undefined) throw new EngineError('contended', `the claim of ${id} changed hands`, { retryable: true });
  return row;
}

function toClaim(row: Row): EventClaim {
  const { [ttlAttribute]: _, ...claim } = row;
  return claim as unknown as EventClaim;
}
