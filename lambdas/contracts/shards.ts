/**
 * Shards of what is due: work that waits for its time is spread over this many partitions, so that none of
 * them is hot, and dispatch asks each of them once a minute.
 */
export const dueShards = 16;

/** The shard of a thing by its id: FNV-1a, which spreads ids that differ in their last letter only. */
export function shardOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193) >>> 0;
  return hash % dueShards;
}
