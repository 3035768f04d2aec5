import type { DynamoDBClient, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { DeliveryEraser } from '../../../ports/tenants/tenant-erasers.ts';
import type { Erasable } from '../../../ports/tenants/tenant-store.ts';
import { backlogPartitions, deliveryPartitions, pointerKey, toDelivery } from '../rows/delivery-rows.ts';
import { fromKey, pageSize, queryPage, toKey } from '../rows/erasable-rows.ts';
import { type Row, toItem } from '../rows/row-codecs.ts';
import { changeRows } from '../rows/row-writes.ts';
import { replaysOf } from './replay-store.ts';

/** Partitions that one page reads at most, where it finds little in them. */
const maxPartitions = 32;

interface ErasedPlace {
  readonly kind: 'deliveries' | 'replays' | 'delivery_pointers';
  readonly partition: string;
}

/** A subscription has many partitions of the deliveries table; see `rows/delivery-rows.ts`. */
export function createDynamoDeliveryEraser(client: DynamoDBClient, table: string): DeliveryEraser {
  return {
    async findOf(subscription, tenant, after) {
      const places = placesOf(subscription, tenant !== undefined);
      // Of one tenant, most rows that are read belong to others. The found rows and their pointers must fit into one
      // row.
      const limit = tenant === undefined ? pageSize : 3 * pageSize;
      let [at, within] = after === undefined ? [0] : (JSON.parse(after) as [number, string?]);
      const items: Erasable[] = [];
      let found = 0;
      for (let reads = 0; at < places.length && reads < maxPartitions && found < limit; reads += 1) {
        const place = places[at] as ErasedPlace;
        const input = { ...toQuery(table, place, tenant), Limit: limit - found };
        const { rows, next } = await queryPage(client, input, within);
        found += rows.length;
        items.push(...rows.flatMap((row) => itemsOf(place.kind, row)));
        within = next;
        if (next === undefined) at += 1;
      }
      return {
        items,
        next: at === places.length ? undefined : JSON.stringify(within === undefined ? [at] : [at, within]),
      };
    },
    async removeMany(items) {
      // The same pointer may be found by its delivery and in its own partition.
      const distinct = new Map(items.map((one) => [one.key, fromKey(one)]));
      await changeRows(client, table, [], [...distinct.values()]);
    },
  };
}

/** @param isShared - Whether the subscription serves all tenants: its pointers are found through their deliveries. */
function placesOf(subscription: string, isShared: boolean): readonly ErasedPlace[] {
  return [
    ...deliveryPartitions(subscription).map((partition) => ({ kind: 'deliveries', partition }) as const),
    { kind: 'replays', partition: replaysOf(subscription) },
    ...(isShared
      ? []
      : backlogPartitions(subscription).map((partition) => ({ kind: 'delivery_pointers', partition }) as const)),
  ];
}

/** All rows of a partition, or those of one tenant. */
function toQuery(table: string, { kind, partition }: ErasedPlace, tenant: string | undefined): QueryCommandInput {
  return {
    TableName: table,
    ConsistentRead: true,
    KeyConditionExpression: 'subscription = :partition',
    ...(tenant === undefined
      ? {}
      : {
          FilterExpression: `${kind === 'replays' ? '#replay.#tenant' : '#tenant'} = :tenant`,
          ExpressionAttributeNames: {
            '#tenant': 'tenant',
            ...(kind === 'replays' ? { '#replay': 'replay' } : {}),
          },
        }),
    ExpressionAttributeValues: toItem({ ':partition': partition, ':tenant': tenant }),
  };
}

/** A row, and the pointer to it where it is a delivery that waits. */
function itemsOf(kind: ErasedPlace['kind'], row: Row): readonly Erasable[] {
  const pointer = kind === 'deliveries' ? pointerKey(toDelivery(row)) : undefined;
  return [toErasable(kind, row), ...(pointer === undefined ? [] : [toErasable('delivery_pointers', { ...pointer })])];
}

function toErasable(kind: string, { subscription, delivery }: Row): Erasable {
  return { kind, key: toKey({ subscription, delivery }) };
}
