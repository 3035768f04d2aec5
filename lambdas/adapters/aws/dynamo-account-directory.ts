import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { accountsByTenantIndex } from '../../contracts/tables.ts';
import type { AccountDirectory } from '../../ports/account-store.ts';
import { createDynamoAccountWriter, toAccount, toAccountItem } from './dynamo-account-store.ts';
import { putOnCondition } from './dynamo-conditions.ts';
import { fromItem, type Row, toItem } from './dynamo-rows.ts';

/** The administration's side of the accounts table. */
export function createDynamoAccountDirectory(client: DynamoDBClient, table: string): AccountDirectory {
  return {
    async find(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      return row === undefined || isBuried(row) ? undefined : toAccount(row);
    },
    async create(account) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toAccountItem(account),
        // What is left of one whose tenant's data is gone is in nobody's way.
        ConditionExpression: 'attribute_not_exists(id) OR attribute_not_exists(tenant)',
      });
      return (await putOnCondition(client, put)) ? 'created' : 'exists';
    },
    ...createDynamoAccountWriter(client, table),
    async remove(id) {
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem({ id }) }));
    },
    async list(tenant, limit, after) {
      const page = { TableName: table, Limit: limit };
      const answer =
        tenant === undefined
          ? await client.send(
              new ScanCommand({
                ...page,
                ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ id: after }) }),
              }),
            )
          : await client.send(
              new QueryCommand({
                ...page,
                IndexName: accountsByTenantIndex,
                KeyConditionExpression: 'tenant = :tenant',
                ExpressionAttributeValues: toItem({ ':tenant': tenant }),
                ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ tenant, id: after }) }),
              }),
            );
      const next = answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['id']);
      const rows = (answer.Items ?? []).map(fromItem).filter((row) => !isBuried(row));
      return { items: rows.map(toAccount), next };
    },
  };
}

function isBuried(row: Row): boolean {
  return row['tenant'] === undefined;
}
