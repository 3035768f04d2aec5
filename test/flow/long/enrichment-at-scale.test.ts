import { expect, test } from 'vitest';
import { toCaller } from '../../../lambdas/flows/provider/provider-ports.ts';
import { listRecords } from '../../../lambdas/flows/read/list-records.ts';
import { createEnrichmentLoad } from '../../fakes/enrichment-load.ts';
import { propertyRuns } from '../../property-runs.ts';
import { deskWith } from '../provider/desk.ts';

/*
 * Many workers, as many functions, read for many thin events, in virtual time. The provider counts as providers do: the
 * arrivals in each window, and the calls at the same time.
 */

const resource = 'ticketing/tickets';
const { numRuns: many } = propertyRuns(1_000, 10_000);
/** Hundreds of calls that wait for one of five places look again and again. */
const { numRuns: crowd } = propertyRuns(400, 2_000);

const ids = (count: number) => Array.from({ length: count }, (_, id) => String(id));
const perMinute = (calls: number, scope = 'account') => ({ limits: [{ name: 'minute', calls, per: '1m', scope }] });

test(`${many} thin events on as many records are read in batches of 100, within 100 calls a minute`, async () => {
  const definition = deskWith({
    api: perMinute(100),
    tickets: { batch_get: { path: '/tickets', query: { ids: "{ids | join(',')}" }, records: 'tickets', max: 100 } },
  });
  const { seen, ask, workOff, events } = await createEnrichmentLoad(definition, { perMinute: 100 });
  await ask(ids(many));
  await workOff(20);
  expect(seen.arrivals).toHaveLength(many / 100);
  expect(seen.refused).toBe(0);
  const published = await events();
  expect(new Set(published.map(({ record_id: id }) => id)).size).toBe(many);
  expect(published).toHaveLength(many);
  expect(published.every((event) => event.thin !== true && event.data.title !== undefined)).toBe(true);
}, 120_000);

test('of 20 accounts and workers there is never a sixth call at once where the app may make five', async () => {
  const definition = deskWith({
    api: { limits: [{ name: 'at_once', concurrent: 5, scope: 'app' }] },
    tickets: { batch_get: undefined },
  });
  const { seen, accounts, ask, workOff, events } = await createEnrichmentLoad(definition, {}, 20);
  for (const [place, account] of accounts.entries())
    await ask(
      ids(crowd / 20).map((id) => `${place}-${id}`),
      account,
    );
  await workOff(20);
  expect(seen.mostAtOnce).toBe(5);
  expect(seen.arrivals).toHaveLength(crowd);
  expect(await events()).toHaveLength(crowd);
}, 300_000);

test(`${many} thin events on 100 records are at most two reads of each, and its last state arrives`, async () => {
  const definition = deskWith({ api: perMinute(100), tickets: { batch_get: undefined } });
  const { seen, time, ask, workOff, events } = await createEnrichmentLoad(definition, { perMinute: 100 });
  const arrive = async () => {
    for (let sent = 0; sent < many; sent += 100) {
      await ask(ids(100));
      await time.pause(2_000 / (many / 100));
    }
  };
  await workOff(20, [arrive()]);
  expect(seen.refused).toBe(0);
  expect(Math.max(...seen.versions.values())).toBeLessThanOrEqual(2);
  const last = new Map((await events()).map((event) => [event.record_id, event.data.status]));
  expect(last).toEqual(new Map(seen.versions.entries().map(([id, version]) => [id, `v${version}`])));
}, 120_000);

test('a poller that takes its full share leaves webhooks under two seconds', async () => {
  const definition = deskWith({ api: perMinute(100), tickets: { batch_get: undefined } });
  const { seen, clock, time, accounts, worker, ask, workOff, events } = await createEnrichmentLoad(definition, {
    perMinute: 100,
  });
  const caller = toCaller(accounts[0] as (typeof accounts)[number], definition);
  const webhooks = 200;
  const askedAt = new Map<string, number>();
  const arriving = { isOver: false };
  const poll = async () => {
    const ports = worker();
    while (!arriving.isOver) {
      const deadlineMs = clock.nowMs() + 30_000;
      const page = await listRecords(ports.provider, caller, {
        resource,
        filters: {},
        position: undefined,
        priority: 'poll',
        deadlineMs,
        endsByMs: deadlineMs + 60_000,
      });
      if (page.kind === 'wait') await time.pause(Math.max(1, page.untilMs - clock.nowMs()));
    }
  };
  const arrive = async () => {
    for (const id of ids(webhooks)) {
      askedAt.set(id, clock.nowMs());
      await ask([id]);
      // At most 20 a minute, which is what the definition reserves for webhooks.
      await time.pause(3_000 + 2_000 * Math.abs(Math.sin(Number(id))));
    }
    arriving.isOver = true;
  };
  const publishedAt = new Map<string, number>();
  const watch = async () => {
    while (publishedAt.size < webhooks) {
      for (const { record_id: id } of await events()) if (!publishedAt.has(id)) publishedAt.set(id, clock.nowMs());
      await time.pause(100);
    }
  };
  await workOff(4, [poll(), arrive(), watch()]);
  const waits = ids(webhooks).map((id) => (publishedAt.get(id) ?? Number.NaN) - (askedAt.get(id) ?? 0));
  waits.sort((a, b) => a - b);
  expect(seen.refused).toBe(0);
  // The poller did take its share.
  expect(seen.arrivals.length).toBeGreaterThan(3 * webhooks);
  expect(waits[Math.ceil(0.99 * webhooks) - 1]).toBeLessThan(2_000);
});
