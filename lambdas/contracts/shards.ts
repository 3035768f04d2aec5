/**
 * Shards of what is due: work that waits for its time is spread over this many partitions, so that none of
 * them is hot, and dispatch asks each of them once a minute.
 */
export const dueShards = 16;
/** Partitions of the deliveries of one subscription. DynamoDB takes 1,000 write units a second for each. */
export const deliveryShards = 16;
/** Partitions of the backlog of one endpoint. Each look at a backlog asks all of them, so that they are few. */
export const backlogShards = 4;
/** Partitions of the requests that wait for one account. */
export const parkedShards = 16;

/** The shard of a thing by its id: FNV-1a, which spreads ids that differ in their last letter only. */
export function shardOf(id: string, shards = dueShards): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return hash % shards;
}
