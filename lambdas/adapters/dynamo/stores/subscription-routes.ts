import { createHash } from 'node:crypto';
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { SubscriptionRoute } from '../../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { type Row, readPartition, readRows, toItem } from '../rows/row-codecs.ts';

/**
 * What publishing knows of subscriptions: a projection of each scope (a tenant, or `*`), remembered for as long as the
 * scope's version stays the same. Its row, under a partition of its own, holds a value that no change has had before:
 *
 *   who changes a subscription       who publishes
 *   1 writes its row                 1 reads the version, consistently
 *   2 writes a new version           2 knows the projection by this version, or reads the rows and remembers
 *   3 answers                          them by it
 *
 * A projection is read after the version that names it, so it holds every change up to that version at least. A change
 * that it may lack writes another version before it is answered. The two writes are no transaction on purpose: reads of
 * several rows could see its version before its row, and remember the old row by the new version.
 *
 * A change that is cut off between 1 and 2 was never answered. Its caller's next try writes the version; without one,
 * publishing sees the change when its memory ends.
 */
export const maxRememberedMs = 60_000;
/** Bounds of what one function instance remembers. */
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

/** No tenant's name begins with this: the partition is no scope. The digest tells nothing of an erased tenant. */
function versionKey(scope: string) {
  return { tenant: `#version#${createHash('sha256').update(scope).digest('base64url')}`, id: '#version' };
}

export function newVersionRow(scope: string, randomness: Randomness): Row {
  return { ...versionKey(scope), version: randomness.bytes(12).toString('base64url') };
}

/** Have publishers read a scope's subscriptions anew. */
export async function writeNewVersion(
  client: DynamoDBClient,
  table: string,
  scope: string,
  randomness: Randomness,
): Promise<void> {
  await client.send(new PutItemCommand({ TableName: table, Item: toItem(newVersionRow(scope, randomness)) }));
}

interface Remembered {
  /** Undefined for a scope in which nothing was ever changed. */
  readonly version: string | undefined;
  readonly readAtMs: number;
  readonly routes: Promise<readonly SubscriptionRoute[]>;
  /** 0 until it is read. */
  sizeBytes: number;
}

/** Reads the routes of scopes, each no more often than it changes. */
export function createDynamoSubscriptionRoutes(client: DynamoDBClient, table: string, clock: Clock) {
  /** The least recently read scope first. */
  const remembered = new Map<string, Remembered>();
  let rememberedBytes = 0;

  function forget(scope: string): void {
    rememberedBytes -= remembered.get(scope)?.sizeBytes ?? 0;
    remembered.delete(scope);
  }

  function keepWithinBounds(): void {
    for (const scope of remembered.keys()) {
      if (remembered.size <= maxRememberedScopes && rememberedBytes <= maxRememberedBytes) return;
      forget(scope);
    }
  }

  function readScope(scope: string, version: string | undefined): Remembered {
    const entry: Remembered = {
      version,
      readAtMs: clock.nowMs(),
      routes: readPartition(client, table, ['tenant', scope], routeAttributes).then(
        (rows) => {
          if (remembered.get(scope) === entry) {
            entry.sizeBytes = Buffer.byteLength(JSON.stringify(rows));
            rememberedBytes += entry.sizeBytes;
            keepWithinBounds();
          }
          return rows.map(toRoute);
        },
        (error: unknown) => {
          // The next one that asks reads again.
          if (remembered.get(scope) === entry) forget(scope);
          throw error;
        },
      ),
      sizeBytes: 0,
    };
    return entry;
  }

  function routesOf(scope: string, version: string | undefined): Promise<readonly SubscriptionRoute[]> {
    const known = remembered.get(scope);
    const isCurrent =
      known !== undefined && known.version === version && clock.nowMs() - known.readAtMs < maxRememberedMs;
    const entry = isCurrent ? known : readScope(scope, version);
    if (!isCurrent) forget(scope);
    remembered.delete(scope);
    remembered.set(scope, entry);
    keepWithinBounds();
    return entry.routes;
  }

  return {
    async listFor(tenant: string): Promise<readonly SubscriptionRoute[]> {
      const scopes = [tenant, '*'];
      // The tenants of a batch ask at once: their versions are one request.
      const rows = await readRows(client, table, scopes.map(versionKey));
      const versions = new Map(rows.map((row) => [row['tenant'], row['version'] as string]));
      const routes = await Promise.all(scopes.map((scope) => routesOf(scope, versions.get(versionKey(scope).tenant))));
      return routes.flat();
    },
  };
}

function toRoute(row: Row): SubscriptionRoute {
  return { ...row, tenant: row['tenant'] === '*' ? null : row['tenant'] } as unknown as SubscriptionRoute;
}
