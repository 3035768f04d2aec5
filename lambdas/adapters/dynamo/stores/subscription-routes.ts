import { createHash } from 'node:crypto';
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { SubscriptionRoute } from '../../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { type Row, readPartition, readRows, toItem } from '../rows/row-codecs.ts';

/**
 * How long publishing caches a projection of a scope's subscriptions (a scope is a tenant, or `*`), unless the scope's
 * version changes before. The version has a row in its own partition, whose value is new with every change:
 *
 *   a change of a subscription       a publisher
 *   1 writes the subscription        1 reads the version, consistently
 *   2 writes a new version           2 uses the projection cached under this version, or reads the rows and caches
 *   3 answers                          them under it
 *
 * A projection is read after its version, so it holds at least every change up to that version. A change that it may
 * lack writes another version before it answers. The two writes are deliberately not a transaction: a read of several
 * rows could see the new version before the new row, and cache the old row under the new version.
 *
 * A change that stops between 1 and 2 was never answered. The caller's retry writes the version; without a retry,
 * publishing sees the change when its cache entry expires.
 */
export const maxRememberedMs = 60_000;
/** Bounds of one function instance's cache. */
const maxRememberedScopes = 1_000;
const maxRememberedBytes = 10 * 1024 * 1024;

const routeAttributes: readonly string[] = [
  'id',
  'tenant',
  'status',
  'types',
  'resources',
  'integrations',
  'accounts',
  'ordering',
] satisfies (keyof SubscriptionRoute)[];

/** No tenant's name begins with `#`, so this is never a scope. The digest reveals nothing about an erased tenant. */
function versionKey(scope: string) {
  return { tenant: `#version#${createHash('sha256').update(scope).digest('base64url')}`, id: '#version' };
}

export function newVersionRow(scope: string, randomness: Randomness): Row {
  return { ...versionKey(scope), version: randomness.bytes(12).toString('base64url') };
}

/** Make publishers read a scope's subscriptions again. */
export async function writeNewVersion(
  client: DynamoDBClient,
  table: string,
  scope: string,
  randomness: Randomness,
): Promise<void> {
  await client.send(new PutItemCommand({ TableName: table, Item: toItem(newVersionRow(scope, randomness)) }));
}

interface Remembered {
  /** Undefined for a scope whose subscriptions were never changed. */
  readonly version: string | undefined;
  readonly readAtMs: number;
  readonly routes: Promise<readonly SubscriptionRoute[]>;
  /** 0 until the rows are read. */
  sizeBytes: number;
}

interface RouteMemory {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  /** The least recently read scope first. */
  readonly remembered: Map<string, Remembered>;
  rememberedBytes: number;
}

/** Reads the routes of scopes, and reads a scope again only after it changed. */
export function createDynamoSubscriptionRoutes(client: DynamoDBClient, table: string, clock: Clock) {
  const memory: RouteMemory = { client, table, clock, remembered: new Map(), rememberedBytes: 0 };
  return {
    async listFor(tenant: string): Promise<readonly SubscriptionRoute[]> {
      const scopes = [tenant, '*'];
      // The tenants of a batch are read concurrently, so that one request reads all versions.
      const rows = await readRows(client, table, scopes.map(versionKey));
      const versions = new Map(rows.map((row) => [row['tenant'], row['version'] as string]));
      const routes = await Promise.all(
        scopes.map((scope) => routesOf(memory, scope, versions.get(versionKey(scope).tenant))),
      );
      return routes.flat();
    },
  };
}

function routesOf(
  memory: RouteMemory,
  scope: string,
  version: string | undefined,
): Promise<readonly SubscriptionRoute[]> {
  const { remembered, clock } = memory;
  const known = remembered.get(scope);
  const isCurrent =
    known !== undefined && known.version === version && clock.nowMs() - known.readAtMs < maxRememberedMs;
  const entry = isCurrent ? known : readScope(memory, scope, version);
  if (!isCurrent) forget(memory, scope);
  remembered.delete(scope);
  remembered.set(scope, entry);
  keepWithinBounds(memory);
  return entry.routes;
}

function readScope(memory: RouteMemory, scope: string, version: string | undefined): Remembered {
  const { client, table, clock, remembered } = memory;
  const entry: Remembered = {
    version,
    readAtMs: clock.nowMs(),
    routes: readPartition(client, table, ['tenant', scope], routeAttributes).then(
      (rows) => {
        if (remembered.get(scope) === entry) {
          entry.sizeBytes = Buffer.byteLength(JSON.stringify(rows));
          memory.rememberedBytes += entry.sizeBytes;
          keepWithinBounds(memory);
        }
        return rows.map(toRoute);
      },
      (error: unknown) => {
        // Do not remember the failure: the next caller reads again.
        if (remembered.get(scope) === entry) forget(memory, scope);
        throw error;
      },
    ),
    sizeBytes: 0,
  };
  return entry;
}

function forget(memory: RouteMemory, scope: string): void {
  memory.rememberedBytes -= memory.remembered.get(scope)?.sizeBytes ?? 0;
  memory.remembered.delete(scope);
}

function keepWithinBounds(memory: RouteMemory): void {
  for (const scope of memory.remembered.keys()) {
    if (memory.remembered.size <= maxRememberedScopes && memory.rememberedBytes <= maxRememberedBytes) return;
    forget(memory, scope);
  }
}

function toRoute(row: Row): SubscriptionRoute {
  return { ...row, tenant: row['tenant'] === '*' ? null : row['tenant'] } as unknown as SubscriptionRoute;
}
