import { type DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { accountsByTenantIndex } from '../../../contracts/tables.ts';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { AccountEraser } from '../../../ports/tenants/tenant-erasers.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { queryPage, toKey } from '../rows/erasable-rows.ts';
import { fromItem, type Row, toItem } from '../rows/row-codecs.ts';

export function createDynamoAccountEraser(client: DynamoDBClient, table: string): AccountEraser {
  const ofTenant = { ConditionExpression: 'tenant = :tenant' };
  return {
    async list(tenant, limit, after) {
      const { rows, next } = await queryPage(
        client,
        {
          TableName: table,
          IndexName: accountsByTenantIndex,
          Limit: limit,
          KeyConditionExpression: 'tenant = :tenant',
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
        },
        after === undefined ? undefined : toKey({ tenant, id: after }),
      );
      return {
        items: rows.map((row) => ({ id: String(row['id']), isClosed: row['closed'] === true })),
        next: next === undefined ? undefined : String((JSON.parse(next) as Row)['id']),
      };
    },
    listFormer: (tenant, limit, after) => listFormer(client, table, tenant, limit, after),
    async close(tenant, id) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: toItem({ id }),
        // Raises the revision, so that a caller that read the row before cannot write it back.
        UpdateExpression:
          'SET closed = :true, secrets = :nothing, #context = :noContext REMOVE #capture, #name, metadata, rawRetentionDays, archiveKey, baseUrl, #share, credentialKind, syncs, canary, allowedRanges ADD revision :one',
        ...ofTenant,
        ExpressionAttributeNames: { '#context': 'context', '#capture': 'capture', '#name': 'name', '#share': 'share' },
        ExpressionAttributeValues: toItem({
          ':tenant': tenant,
          ':true': true,
          ':nothing': {},
          ':noContext': '{}',
          ':one': 1,
        }),
      });
      await updateOnCondition(client, update);
    },
    async bury(tenant, id) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: toItem({ id }),
        UpdateExpression: 'SET heldFor = :tenant REMOVE tenant ADD revision :one',
        ConditionExpression: `${ofTenant.ConditionExpression} AND closed = :true`,
        ExpressionAttributeValues: toItem({ ':tenant': tenant, ':true': true, ':one': 1 }),
      });
      await updateOnCondition(client, update);
    },
  };
}

/** By a scan: a reserved id is in no index, and erasures are rare. */
async function listFormer(
  client: DynamoDBClient,
  table: string,
  tenant: string,
  limit: number,
  after: string | undefined,
): Promise<Page<{ readonly id: string }>> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new ScanCommand({
      TableName: table,
      ConsistentRead: true,
      Limit: limit,
      FilterExpression: 'heldFor = :tenant',
      ExpressionAttributeValues: toItem({ ':tenant': tenant }),
      ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ id: after }) }),
    }),
  );
  return {
    items: Items.map((item) => ({ id: String(fromItem(item)['id']) })),
    next: LastEvaluatedKey === undefined ? undefined : String(fromItem(LastEvaluatedKey)['id']),
  };
}
