import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { backlogShards, deliveryShards, dueShards, parkedShards, shardOf } from '../../../lambdas/contracts/shards.ts';

const digits = (index: number) => createHash('sha256').update(String(index)).digest('hex');
const count = 20_000;
const kinds: readonly (readonly [string, (index: number) => string])[] = [
  ['ids of events', (index) => `evt_${digits(index).slice(0, 32)}`],
  // Ids of the same millisecond, which share a prefix.
  ['ids of requests', (index) => `raw_mhdp4su8_${digits(index).slice(0, 20)}`],
  ['rising numbers', (index) => `evt_${index}`],
];

test.each([
  ['due indexes', dueShards],
  ['deliveries', deliveryShards],
  ['backlogs', backlogShards],
  ['parked requests', parkedShards],
])('every kind of id spreads evenly over the shards of %s', (_, shards) => {
  for (const [kind, idOf] of kinds) {
    const counts = new Map<number, number>();
    for (let index = 0; index < count; index += 1) {
      const shard = shardOf(idOf(index), shards);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(counts.size, kind).toBe(shards);
    const mean = count / shards;
    expect(Math.max(...counts.values()) / mean, kind).toBeLessThan(1.15);
    expect(Math.min(...counts.values()) / mean, kind).toBeGreaterThan(0.85);
  }
});
