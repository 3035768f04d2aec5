import { expect, inject, test } from 'vitest';
import { kindNames } from './converging-feeds.ts';
import { converge } from './converging-world.ts';

/*
 * A provider whose records are created, changed and removed at random, behind every fault that a poller must survive,
 * with webhooks that are lost, doubled and late, and functions that die. When it goes quiet, what a subscriber knows by
 * the events alone is what the provider has (invariants 4 to 6).
 */

const histories = inject('isExploring') ? 200 : 5;
const firstSeed = Number(process.env['TRIBUTARY_CONVERGE_SEED'] ?? Math.floor(Math.random() * 1_000_000));

test.each(kindNames)(
  `${histories} histories from seed ${firstSeed} converge: %s`,
  async (kind) => {
    for (let seed = firstSeed; seed < firstSeed + histories; seed += 1) {
      const { polled, known, truth, doubled, wrongEnds } = await converge(kind, seed);
      expect(polled, `by polls alone, seed ${seed}`).toEqual(truth);
      expect(known, `seed ${seed}`).toEqual(truth);
      expect(wrongEnds, `deletes of what is there, seed ${seed}`).toEqual([]);
      expect(doubled, `ids with two contents, seed ${seed}`).toEqual([]);
    }
  },
  600_000,
);
