import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { accountsByTenantIndex } from '../../../contracts/tables.ts';
import type { AccountDirectory } from '../../../ports/accounts/account-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { countPartition, fromItem, type Row, readPageById, toItem } from '../rows/row-codecs.ts';
import { createDynamoAccountWriter, toAccount, toAccountItem } from './account-store.ts';

/**
 * The administration's side of the accounts table.
 *
 * A row without `tenant` holds an id: `heldFor` names the tenant that may use the id again. The row is in no tenant's
 * index. Rows of older versions may have no `heldFor`: such an id is free again when its row expires.
 */
export function createDynamoAccountDirectory(client: DynamoDBClient, table: string): AccountDirectory {
  return {
    async find(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      return row === undefined || isHeld(row) ? undefined : toAccount(row);
    },
    async create(account) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toAccountItem(account),
        ConditionExpression: 'attribute_not_exists(id) OR (attribute_not_exists(tenant) AND heldFor = :tenant)',
        ExpressionAttributeValues: toItem({ ':tenant': account.tenant }),
      });
      return (await putOnCondition(client, put)) ? 'created' : 'exists';
    },
    ...createDynamoAccountWriter(client, table),
    async remove({ id, tenant, createdAt }) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ id, heldFor: tenant }),
        ConditionExpression: 'tenant = :tenant AND createdAt = :createdAt AND attribute_not_exists(closed)',
        ExpressionAttributeValues: toItem({ ':tenant': tenant, ':createdAt': createdAt }),
      });
      return putOnCondition(client, put);
    },
    count: (tenant, most) =>
      countPartition(client, table, ['tenant', tenant], most, { index: accountsByTenantIndex, without: 'closed' }),
    async list(tenant, limit, after) {
      const index = { name: accountsByTenantIndex, owner: 'tenant' };
      const { rows, next } = await readPageById(client, table, index, tenant, limit, after);
      return { items: rows.filter((row) => !isHeld(row)).map(toAccount), next };
    },
  };
}

function isHeld(row: Row): boolean {
  return row['tenant'] === undefined;
}
