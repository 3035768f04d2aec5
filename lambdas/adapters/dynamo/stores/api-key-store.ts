import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { apiKeysByOwnerIndex, ttlAttribute } from '../../../contracts/tables.ts';
import type { ApiKey, ApiKeyDirectory } from '../../../ports/tenants/api-key-store.ts';
import { putOnCondition, updateOnCondition } from '../rows/conditions.ts';
import { countPartition, fromItem, type Item, type Row, readPageById, readRows, toItem } from '../rows/row-codecs.ts';

/** The index owner of a key for all tenants. */
const allTenants = '*';
/** The index owner of a tenant's portal sessions. No tenant's name has a `#`. */
const portalsOf = (tenant: string) => `portal#${tenant}`;

export function createDynamoApiKeyStore(client: DynamoDBClient, table: string): ApiKeyDirectory {
  const listKeys = async (
    owner: string | undefined,
    limit: number,
    after: string | undefined,
    isMeant: (key: ApiKey) => boolean,
  ) => {
    const index = { name: apiKeysByOwnerIndex, owner: 'owner' };
    const { rows, next } = await readPageById(client, table, index, owner, limit, after);
    return { items: rows.map(toApiKey).filter((key) => key !== undefined && isMeant(key)) as ApiKey[], next };
  };
  return {
    async find(id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id }), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : toApiKey(fromItem(Item));
    },
    async findMany(ids) {
      const rows = await readRows(
        client,
        table,
        ids.map((id) => ({ id })),
      );
      return rows.map(toApiKey).filter((key) => key !== undefined);
    },
    touch: async (id, at) => void (await updateOnCondition(client, toTouch(table, id, at))),
    async create(key) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toRow(key),
        ConditionExpression: 'attribute_not_exists(id)',
      });
      return (await putOnCondition(client, put)) ? 'created' : 'exists';
    },
    replace: (key) => updateOnCondition(client, toReplacement(table, key)),
    async remove(id) {
      await client.send(new DeleteItemCommand({ TableName: table, Key: toItem({ id }) }));
    },
    count: (tenant, most) => countPartition(client, table, ['owner', tenant], most, { index: apiKeysByOwnerIndex }),
    countPortals: (tenant, nowMs, most) =>
      countPartition(client, table, ['owner', portalsOf(tenant)], most, {
        index: apiKeysByOwnerIndex,
        beyond: ['expiresAtMs', nowMs],
      }),
    list: (tenant, limit, after) => listKeys(tenant, limit, after, ({ portal }) => portal === undefined),
    listPortals: (tenant, limit, after) =>
      listKeys(
        tenant === undefined ? undefined : portalsOf(tenant),
        limit,
        after,
        ({ portal }) => portal !== undefined,
      ),
  };
}

function toTouch(table: string, id: string, at: string): UpdateItemCommand {
  return new UpdateItemCommand({
    TableName: table,
    Key: toItem({ id }),
    UpdateExpression: 'SET lastUsedAt = :at',
    ConditionExpression: 'attribute_exists(id) AND (attribute_not_exists(lastUsedAt) OR lastUsedAt < :at)',
    ExpressionAttributeValues: toItem({ ':at': at }),
  });
}

function toReplacement(
  table: string,
  { id, name, scopes, secrets, expiresAtMs, ratePerMinute, createdAt, portal, revision }: ApiKey,
): UpdateItemCommand {
  // A row that was written by hand has no creation time: it stores the one that readers saw.
  const bounds = { expiresAtMs, ratePerMinute };
  const set = Object.entries({
    name,
    scopes,
    secrets,
    ...bounds,
    createdAt,
    portal,
    ...(portal === undefined ? {} : { [ttlAttribute]: expiryOf(expiresAtMs) }),
    revision: revision + 1,
  });
  const given = set.filter(([, value]) => value !== undefined);
  const removed = set.filter(([, value]) => value === undefined).map(([name]) => name);
  // A row that was written by hand has its secret in `secretSha256`, and no revision.
  const taken = [...removed, 'secretSha256'];
  return new UpdateItemCommand({
    TableName: table,
    Key: toItem({ id }),
    UpdateExpression: `SET ${given.map(([name]) => `#${name} = :${name}`).join(', ')} REMOVE ${taken.map((name) => `#${name}`).join(', ')}`,
    ConditionExpression:
      '#revision = :read OR (attribute_exists(id) AND attribute_not_exists(#revision) AND :read = :none)',
    ExpressionAttributeNames: Object.fromEntries(
      [...set.map(([name]) => name), 'secretSha256'].map((name) => [`#${name}`, name]),
    ),
    ExpressionAttributeValues: toItem({
      ...Object.fromEntries(given.map(([name, value]) => [`:${name}`, value])),
      ':read': revision,
      ':none': 0,
    }),
  });
}

function toRow({ tenant, ...rest }: ApiKey): Item {
  if (rest.portal === undefined) return toItem({ ...rest, tenant, owner: tenant ?? allTenants });
  return toItem({
    ...rest,
    tenant,
    owner: portalsOf(tenant ?? allTenants),
    [ttlAttribute]: expiryOf(rest.expiresAtMs),
  });
}

/** When the store may remove a session. @returns Epoch seconds. */
const expiryOf = (expiresAtMs = 0) => Math.ceil(expiresAtMs / 1000);

/** A session of a version that did not store its maker has ended: no key has such an id. */
const unknownMaker = { keyId: '-', secretSha256: '' };

function portalOfRow({ portal }: Row): Pick<ApiKey, 'portal'> {
  return portal === undefined ? {} : { portal: { maker: unknownMaker, ...(portal as object) } as ApiKey['portal'] };
}

/**
 * Read a key's row. A row may be written by hand, with only the hash of one secret: such a key may do everything for
 * its tenant, as the first key of a deployment must. Undefined for an incomplete row, which grants nothing.
 */
function toApiKey(row: Row): ApiKey | undefined {
  const { id, secretSha256, tenant, createdAt } = row;
  const { owner: _, secretSha256: __, [ttlAttribute]: ___, ...rest } = row;
  if (typeof id !== 'string' || (tenant !== null && typeof tenant !== 'string')) return undefined;
  const bornAt = typeof createdAt === 'string' ? createdAt : new Date(0).toISOString();
  if (Array.isArray(row['secrets'])) return { ...rest, ...portalOfRow(row), createdAt: bornAt } as unknown as ApiKey;
  if (typeof secretSha256 !== 'string') return undefined;
  const unsaid = {
    name: id,
    scopes: ['admin'],
    expiresAtMs: undefined,
    ratePerMinute: undefined,
    lastUsedAt: undefined,
  };
  return {
    ...unsaid,
    ...rest,
    secrets: [{ sha256: secretSha256, createdAt: bornAt }],
    createdAt: bornAt,
    revision: 0,
  } as unknown as ApiKey;
}
