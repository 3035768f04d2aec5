import { type DynamoDBClient, PutItemCommand, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import { putOnCondition } from './conditions.ts';
import { fromItem, type Item, isLive, type Row, toItem } from './row-codecs.ts';

/*
 * Rows with an expiry that are written again and again. DynamoDB deletes expired rows late, so a write must neither
 * continue an expired row nor fail because of it.
 */

/** Name of the expiry in the conditions below; `:nowSeconds` is the time in seconds. */
export const expiryName = { '#expires': ttlAttribute } as const;
/** Holds where the row may be continued, or created. */
export const unlessExpired = 'attribute_not_exists(#expires) OR #expires > :nowSeconds';
/** Holds where the row may be replaced by a new one. */
export const onlyExpired = '#expires <= :nowSeconds';

/** Put a row in the place of an expired one. @returns False where the stored row has not expired, or is deleted. */
export async function putOverExpired(client: DynamoDBClient, table: string, row: Row, nowMs: number): Promise<boolean> {
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(row),
    ConditionExpression: onlyExpired,
    ExpressionAttributeNames: expiryName,
    ExpressionAttributeValues: toItem({ ':nowSeconds': nowMs / 1000 }),
  });
  return putOnCondition(client, put);
}

/**
 * Rows of a query that have not expired, page by page.
 *
 * @param most - Reading stops here. Pages grow, because a filter may drop most of their rows. @default all
 */
export async function queryLive(
  client: DynamoDBClient,
  query: Omit<QueryCommandInput, 'ExclusiveStartKey' | 'Limit'>,
  nowMs: number,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly Row[]> {
  const found: Row[] = [];
  let start: Item | undefined;
  let pageRows = most;
  let wanted = most;
  do {
    const answer = await client.send(
      new QueryCommand({
        ...query,
        ...(Number.isFinite(pageRows) ? { Limit: pageRows } : {}),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    found.push(...(answer.Items ?? []).map(fromItem).filter((row) => isLive(row, nowMs)));
    wanted = most - found.length;
    pageRows *= 2;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && wanted > 0);
  return found.slice(0, most);
}
