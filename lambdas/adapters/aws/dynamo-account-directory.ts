import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { accountsByTenantIndex } from '../../contracts/tables.ts';
import type { AccountDirectory } from '../../ports/account-store.ts';
import { createDynamoAccountWriter, toAccount, toAccountItem } from './dynamo-account-store.ts';
import { putOnCondition } from './dynamo-conditions.ts';
import { countPartition, fromItem, type Row, readPageById, toItem } from './dynamo-rows.ts';

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
    count: (tenant, most) =>
      countPartition(client, table, ['tenant', tenant], most, { index: accountsByTenantIndex, without: 'closed' }),
    async list(tenant, limit, after) {
      const index = { name: accountsByTenantIndex, owner: 'tenant' };
      const { rows, next } = await readPageById(client, table, index, tenant, limit, after);
      return { items: rows.filter((row) => !isBuried(row)).map(toAccount), next };
    },
  };
}

function isBuried(row: Row): boolean {
  return row['tenant'] === undefined;
}
