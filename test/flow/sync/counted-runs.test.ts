import { expect, test } from 'vitest';
import { textOfAnswer } from '../../../lib/local/simulators/provider/answers/provider-answer.ts';
import { createOfflineProvider } from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { convergingFeeds, feedExchanges, type Kind, kindNames, kinds } from './converging-feeds.ts';
import { createSyncWorld } from './sync-world.ts';

/** A sync of a kind of cursor, against a provider that counts. */
async function counted(kind: Kind, records: number) {
  const definition = convergingFeeds([kind]);
  const { resource } = kinds[kind];
  const world = await createSyncWorld(definition);
  const provider = await createOfflineProvider({
    definition,
    exchanges: feedExchanges([kind]),
    records: { [resource]: records },
    clock: world.clock,
    credentials: { api_key: { key: 'k' } },
  });
  world.provider.respond((async (request: {
    method: string;
    url: string;
    headers: Record<string, string>;
    body?: string;
  }) => {
    const { answer } = await provider.serve({ ...request, text: request.body ?? '' });
    if (answer === undefined || answer === 'dropped') return new Error('no answer');
    return { status: answer.status, headers: answer.headers, body: textOfAnswer(answer) };
  }) as never);
  const sync = resource.split('/')[1] ?? '';
  const sums = () => {
    const { calls, rows } = provider.stats();
    const sum = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((all, count) => all + count, 0);
    return { calls: sum(calls), rows: sum(rows) };
  };
  let before = sums();
  /** What the last run counted, and what the provider did meanwhile. */
  const last = async () => {
    const { lastRun } = (await world.row(sync)).state;
    const now = sums();
    const seen = { calls: now.calls - before.calls, rows: now.rows - before.rows };
    before = now;
    return { run: lastRun, seen };
  };
  return { world, provider, resource, last };
}

test.each(kindNames)('what a run counts is what the provider counted: %s', async (kind) => {
  const { world, provider, resource, last } = await counted(kind, 23);
  await world.begin();
  await world.workOff();
  const first = await last();
  expect(first.run?.calls).toBe(first.seen.calls);
  expect(first.run).toMatchObject({ created: 23, updated: 0, deleted: 0, outcome: 'succeeded' });
  const [one] = provider.records(resource);
  world.clock.advance(300_000);
  await world.look();
  await last();
  await provider.change(resource, one?.id ?? '', { name: 'another' });
  await provider.add(resource, { name: 'new' });
  world.clock.advance(120_000);
  await world.look();
  const second = await last();
  expect(second.run?.calls).toBe(second.seen.calls);
  // A feed of rising ids tells of new records only.
  expect(second.run).toMatchObject({ created: 1, updated: kind === 'rising id' ? 0 : 1, deleted: 0 });
});
