/**
 * Shards of the due indexes: work that waits for its time is spread over this many partitions, so that no partition is
 * hot. Dispatch reads each of them once a minute.
 */
export const dueShards = 16;
/** Partitions of one subscription's deliveries. DynamoDB takes 1,000 write units a second for each. */
export const deliveryShards = 16;
/** Partitions of one endpoint's backlog: few, because each read of a backlog queries all of them. */
export const backlogShards = 4;
/** Partitions of the parked requests that wait for one account. */
export const parkedShards = 16;

/** The shard of an id, by FNV-1a, which spreads even ids that differ only in their last letter. */
export function shardOf(id: string, shards = dueShards): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return hash % shards;
}
