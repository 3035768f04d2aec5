import { type DynamoDBClient, GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { limits } from '../../../contracts/limits.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Tenant, TenantPolicies, TenantPolicy, TenantStore } from '../../../ports/tenants/tenant-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** A row for each tenant that has settings, or whose data was erased. */
export function createDynamoTenantStore(client: DynamoDBClient, table: string): TenantStore {
  return {
    async find(tenant) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ tenant }), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : toTenant(fromItem(Item));
    },
    async replace(tenant) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...tenant, revision: tenant.revision + 1 }),
        ConditionExpression: 'revision = :read OR (attribute_not_exists(tenant) AND :read = :none)',
        ExpressionAttributeValues: toItem({ ':read': tenant.revision, ':none': 0 }),
      });
      return putOnCondition(client, put);
    },
    async list(limit, after) {
      const answer = await client.send(
        new ScanCommand({
          TableName: table,
          Limit: limit,
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ tenant: after }) }),
        }),
      );
      const next =
        answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['tenant']);
      return { items: (answer.Items ?? []).map((item) => toTenant(fromItem(item))), next };
    },
  };
}

function toTenant(row: Row): Tenant {
  return row as unknown as Tenant;
}

/** Bound of one function instance's cache. */
const maxRemembered = 10_000;

/** Tenants' policies for the functions that write events, cached by each instance; most tenants have no row. */
export function createDynamoTenantPolicies(client: DynamoDBClient, table: string, clock: Clock): TenantPolicies {
  const remembered = new Map<string, { readonly policy: Promise<TenantPolicy>; readonly readAtMs: number }>();
  return {
    async getMany(tenants) {
      const nowMs = clock.nowMs();
      const policies = new Map<string, Promise<TenantPolicy>>();
      const missing: string[] = [];
      for (const tenant of new Set(tenants)) {
        const known = remembered.get(tenant);
        if (known !== undefined && nowMs - known.readAtMs < limits.tenantPolicyMaxAgeMs)
          policies.set(tenant, known.policy);
        else missing.push(tenant);
      }
      if (remembered.size + missing.length > maxRemembered) remembered.clear();
      const reading = missing.length === 0 ? undefined : readPolicies(client, table, missing);
      for (const tenant of missing) {
        // Concurrent callers wait for the same answer.
        const policy = (reading as NonNullable<typeof reading>).then((found) => found.get(tenant) ?? unrestricted);
        policies.set(tenant, policy);
        remembered.set(tenant, { policy, readAtMs: nowMs });
        // Do not cache a failure: the next caller reads again.
        policy.catch(() => remembered.delete(tenant));
      }
      return new Map(await Promise.all([...policies].map(async ([tenant, policy]) => [tenant, await policy] as const)));
    },
  };
}

const unrestricted: TenantPolicy = { eventsDays: undefined, isErasing: false };

async function readPolicies(
  client: DynamoDBClient,
  table: string,
  tenants: readonly string[],
): Promise<ReadonlyMap<string, TenantPolicy>> {
  const rows = await readRows(
    client,
    table,
    tenants.map((tenant) => ({ tenant })),
  );
  return new Map(
    rows
      .map(toTenant)
      .map(({ tenant, retention, delivery, erasure }) => [
        tenant,
        { eventsDays: retention.eventsDays, isErasing: erasure?.state === 'running', delivery },
      ]),
  );
}
