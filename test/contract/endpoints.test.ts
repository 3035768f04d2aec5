import type { BatchExecuteStatementCommandOutput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { createDynamoEndpointStore } from '../../lambdas/adapters/dynamo/stores/endpoint-store.ts';
import { dueShards, shardOf } from '../../lambdas/contracts/shards.ts';
import { admit } from '../../lambdas/engine/delivery/admission.ts';
import { type EndpointState, newEndpoint } from '../../lambdas/engine/delivery/endpoint-state.ts';
import type { DueEndpoint, DueEndpoints, EndpointStore } from '../../lambdas/ports/delivery/endpoint-store.ts';
import { createInMemoryEndpoints } from '../fakes/in-memory-endpoints.ts';
import { countRequests, useTables } from './emulated-aws.ts';

type Endpoints = EndpointStore & DueEndpoints;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Endpoints>])[] = [
  ['the fake', async () => createInMemoryEndpoints()],
  ['DynamoDB', async () => createDynamoEndpointStore(tables.client(), await tables.create('limits'), newEndpoint)],
];

const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
const keyOf = ({ endpoint, scope }: EndpointState) => ({ endpoint, scope });
const read = async (endpoints: Endpoints, state: EndpointState) =>
  (await endpoints.getMany([keyOf(state)]))[0] as EndpointState;

/** A state in which every member differs from that of a new endpoint. */
const worn: EndpointState = {
  ...newEndpoint('acme', 'sub_1'),
  leases: { 'lease.-_1': { slots: 3, untilMs: nowMs + 60_000 }, other: { slots: 1, untilMs: nowMs } },
  tokens: 0.25,
  tokensAtMs: nowMs,
  circuit: 'open',
  probeAtMs: nowMs + 10_000,
  openings: 2,
  window: { startedAtMs: nowMs, succeeded: 1, failed: 9 },
  previousWindow: { startedAtMs: nowMs - 60_000, succeeded: 12, failed: 3 },
  pausedUntilMs: nowMs + 5_000,
  bearsConcurrency: 4,
  latencyMs: 87.5,
  hasBacklog: true,
  drainer: { id: 'drainer', untilMs: nowMs + 120_000 },
  wakeups: 17,
  failingSinceMs: nowMs - 1_000,
  noticedPercent: 50,
  position: 4_211,
};

describe.each(implementations)('endpoint store on %s', (_, open) => {
  test('fails when the state is another scope’s, which it neither returns nor changes (invariant 3)', async () => {
    const endpoints = await open();
    await endpoints.replace(worn, nowMs);
    const stored = await read(endpoints, worn);
    const foreign = { endpoint: 'sub_1', scope: 'globex' };
    expect(await endpoints.getMany([foreign])).toEqual([newEndpoint('globex', 'sub_1')]);
    for (const revision of [0, 1])
      for (const hasBacklog of [false, true]) {
        const theirs = {
          ...newEndpoint('globex', 'sub_1'),
          revision,
          hasBacklog,
          wakeups: stored.wakeups,
          position: 9,
        };
        expect(await endpoints.replace(theirs, undefined)).toBe(false);
      }
    await expect(endpoints.wake(foreign)).rejects.toMatchObject({ code: 'corrupt-state' });
    expect(await read(endpoints, worn)).toEqual(stored);
    expect(await endpoints.listDue(shardOf('sub_1'), nowMs, 10)).toEqual([{ ...keyOf(worn), dueAtMs: nowMs }]);
  });

  test('returns a new state where none is stored, in the order of the keys', async () => {
    const endpoints = await open();
    const stored = newEndpoint('acme', 'sub_2');
    await endpoints.replace(stored, undefined);
    const keys = ['sub_3', 'sub_2', 'sub_1'].map((endpoint) => ({ endpoint, scope: 'acme' }));
    expect(await endpoints.getMany(keys)).toEqual([
      newEndpoint('acme', 'sub_3'),
      { ...stored, revision: 1 },
      newEndpoint('acme', 'sub_1'),
    ]);
    expect(await endpoints.getMany([])).toEqual([]);
  });

  test('stores every member of a state, and removes members that a replacement leaves out', async () => {
    const endpoints = await open();
    expect(await endpoints.replace(worn, nowMs)).toBe(true);
    // Only `wake` counts wakeups.
    expect(await read(endpoints, worn)).toEqual({ ...worn, wakeups: 0, revision: 1 });
    const well: EndpointState = { ...newEndpoint('acme', 'sub_1'), latencyMs: 12, revision: 1 };
    expect(await endpoints.replace(well, undefined)).toBe(true);
    expect(await read(endpoints, worn)).toEqual({ ...well, revision: 2 });
  });

  test('counts concurrent wakeups, whatever state is stored', async () => {
    const endpoints = await open();
    const key = { endpoint: 'sub_1', scope: 'acme' };
    const blank = newEndpoint('acme', 'sub_1');
    expect(await endpoints.wake(key)).toEqual({ ...blank, hasBacklog: true, wakeups: 1 });
    await Promise.all(Array.from({ length: 8 }, () => endpoints.wake(key)));
    const woken = { ...blank, hasBacklog: true, wakeups: 9 };
    expect(await endpoints.getMany([key])).toEqual([woken]);
    expect(await endpoints.replace({ ...worn, revision: 0 }, undefined)).toBe(true);
    expect(await endpoints.wake(key)).toEqual({ ...worn, wakeups: 10, revision: 1 });
  });

  test('lets a wakeup and a replacement both succeed, unless the replacement empties the backlog', async () => {
    const endpoints = await open();
    const key = { endpoint: 'sub_1', scope: 'acme' };
    await endpoints.wake(key);
    const [seen] = await endpoints.getMany([key]);
    if (seen === undefined) throw new Error('no endpoint');
    await endpoints.wake(key);
    const emptied = { ...seen, hasBacklog: false };
    expect(await endpoints.replace(emptied, undefined)).toBe(false);
    expect(await endpoints.replace({ ...seen, latencyMs: 5 }, undefined)).toBe(true);
    const after = { ...seen, latencyMs: 5, wakeups: 2, revision: 1 };
    expect(await endpoints.getMany([key])).toEqual([after]);
    expect(await endpoints.replace({ ...after, hasBacklog: false }, undefined)).toBe(true);
    expect(await endpoints.getMany([key])).toEqual([{ ...after, hasBacklog: false, revision: 2 }]);
  });

  test('replaces a state that must be unwoken only if it was not woken', async () => {
    const endpoints = await open();
    const key = { endpoint: 'sub_1', scope: 'acme' };
    const seen = await endpoints.wake(key);
    await endpoints.wake(key);
    expect(await endpoints.replace({ ...seen, latencyMs: 5 }, undefined, true)).toBe(false);
    expect(await endpoints.getMany([key])).toEqual([{ ...seen, wakeups: 2 }]);
    expect(await endpoints.replace({ ...seen, wakeups: 2, latencyMs: 5 }, undefined, true)).toBe(true);
    expect(await endpoints.getMany([key])).toEqual([{ ...seen, wakeups: 2, latencyMs: 5, revision: 1 }]);
  });

  test('fails when another caller has replaced the state, and changes nothing', async () => {
    const endpoints = await open();
    const first = newEndpoint('acme', 'sub_1');
    expect(await endpoints.replace(first, undefined)).toBe(true);
    expect(await endpoints.replace(worn, undefined)).toBe(false);
    expect(await endpoints.replace({ ...worn, revision: 5 }, undefined)).toBe(false);
    expect(await read(endpoints, first)).toEqual({ ...first, revision: 1 });
    expect(await endpoints.replace({ ...newEndpoint('acme', 'sub_9'), revision: 1 }, undefined)).toBe(false);
  });

  test('replaces many states concurrently, each under its own conditions', async () => {
    const endpoints = await open();
    const ids = Array.from({ length: 60 }, (_, index) => `sub_${index}`);
    await Promise.all(ids.map((endpoint) => endpoints.replace({ ...worn, endpoint }, nowMs)));
    const woken = ids.filter((_, index) => index % 4 === 3);
    await Promise.all(woken.map((endpoint) => endpoints.wake({ endpoint, scope: 'acme' })));
    const known = await endpoints.getMany(ids.map((endpoint) => ({ endpoint, scope: 'acme' })));
    // By index modulo 4: a valid change, a stale revision, another scope, and an endpoint that was woken.
    const changes = known.map((state, index): EndpointState => {
      if (index % 4 === 1) return { ...state, revision: state.revision - 1 || 7 };
      if (index % 4 === 2) return { ...newEndpoint('globex', state.endpoint), revision: state.revision };
      // Woken endpoints have a backlog.
      if (index % 4 === 3) return { ...state, hasBacklog: false, wakeups: 0, drainer: undefined };
      return { ...newEndpoint('acme', state.endpoint), hasBacklog: true, position: index, revision: state.revision };
    });
    const replaced = await Promise.all(changes.map((state) => endpoints.replace(state, undefined)));
    expect(replaced).toEqual(ids.map((_, index) => index % 4 === 0));
    const after = await endpoints.getMany(ids.map((endpoint) => ({ endpoint, scope: 'acme' })));
    for (const [index, state] of after.entries()) {
      const { wakeups } = known[index] as EndpointState;
      const changed = changes[index] as EndpointState;
      expect(state).toEqual(index % 4 === 0 ? { ...changed, wakeups, revision: changed.revision + 1 } : known[index]);
    }
    const gone = { ...newEndpoint('acme', 'sub_gone'), revision: 3 };
    expect(await Promise.all([gone, gone].map((state) => endpoints.replace(state, undefined)))).toEqual([false, false]);
    expect(await read(endpoints, gone)).toEqual(newEndpoint('acme', 'sub_gone'));
  });

  test('keeps an endpoint within its concurrency, however many callers want a lease (invariant 7)', async () => {
    const endpoints = await open();
    const blank = newEndpoint('acme', 'sub_1');
    const limits = { concurrency: 10, ratePerSecond: undefined };
    const ask = async (id: string): Promise<number> => {
      for (;;) {
        const state = await read(endpoints, blank);
        const admission = admit(state, limits, 3, { id, durationMs: 60_000 }, nowMs);
        if (admission.kind === 'blocked') return 0;
        if (await endpoints.replace(admission.state, undefined)) return admission.slots;
      }
    };
    const slots = await Promise.all(Array.from({ length: 12 }, (_, index) => ask(`lease-${index}`)));
    expect(slots.reduce((sum, one) => sum + one, 0)).toBe(10);
    const { leases } = await read(endpoints, blank);
    expect(Object.values(leases).reduce((sum, lease) => sum + lease.slots, 0)).toBe(10);
  });
});

describe.each(implementations)('index of due endpoints on %s', (_, open) => {
  const listAll = async (endpoints: Endpoints, untilMs: number, limit = 100) => {
    const shards = Array.from({ length: dueShards }, (_, shard) => endpoints.listDue(shard, untilMs, limit));
    return (await Promise.all(shards)).flat();
  };
  const idsOf = (keys: readonly { readonly endpoint: string }[]) => keys.map(({ endpoint }) => endpoint).sort();

  test('lists endpoints that are due up to an instant, with their scope', async () => {
    const endpoints = await open();
    await endpoints.replace(newEndpoint('acme', 'sub_1'), nowMs);
    await endpoints.replace(newEndpoint('*', 'sub_2'), nowMs + 1);
    await endpoints.replace(newEndpoint('acme', 'sub_3'), undefined);
    expect(await listAll(endpoints, nowMs - 1)).toEqual([]);
    expect(await listAll(endpoints, nowMs)).toEqual([{ endpoint: 'sub_1', scope: 'acme', dueAtMs: nowMs }]);
    expect(idsOf(await listAll(endpoints, nowMs + 1))).toEqual(['sub_1', 'sub_2']);
    expect(await listAll(endpoints, nowMs + 1)).toContainEqual({ endpoint: 'sub_2', scope: '*', dueAtMs: nowMs + 1 });
  });

  test('moves an endpoint to its next due time, and removes it from the index', async () => {
    const endpoints = await open();
    const state = newEndpoint('acme', 'sub_1');
    await endpoints.replace(state, nowMs);
    await endpoints.replace({ ...state, revision: 1 }, nowMs + 5_000);
    expect(await listAll(endpoints, nowMs)).toEqual([]);
    expect(idsOf(await listAll(endpoints, nowMs + 5_000))).toEqual(['sub_1']);
    await endpoints.replace({ ...state, revision: 2 }, undefined);
    expect(await listAll(endpoints, nowMs + 5_000)).toEqual([]);
  });

  test('lists the endpoints of a shard, earliest first, up to the limit', async () => {
    const endpoints = await open();
    const ids = Array.from({ length: 400 }, (_, index) => `sub_${index}`).filter((id) => shardOf(id) === 3);
    expect(ids.length).toBeGreaterThan(5);
    for (const [index, id] of ids.entries())
      await endpoints.replace(newEndpoint('acme', id), nowMs - ((index * 7) % ids.length));
    const all = await endpoints.listDue(3, nowMs, 1_000);
    expect(idsOf(all)).toEqual([...ids].sort());
    expect(await endpoints.listDue(3, nowMs, 3)).toEqual(all.slice(0, 3));
    expect(await endpoints.listDue(4, nowMs, 1_000)).toEqual([]);
  });

  test('lists every endpoint of a shard once, page by page, even where many are due at the same instant', async () => {
    const endpoints = await open();
    const ids = idsOfShard(3, 25);
    for (const [index, id] of ids.entries())
      await endpoints.replace(newEndpoint('acme', id), nowMs - Math.floor(index / 10));
    const pages: (readonly DueEndpoint[])[] = [];
    for (let page = await endpoints.listDue(3, nowMs, 10); ; ) {
      pages.push(page);
      if (page.length < 10) break;
      // Dispatch postpones the endpoints of a page before it reads the next one, which must not repeat them.
      for (const due of page.slice(5)) expect(await endpoints.postpone(due, nowMs + 60_000)).toBe(true);
      page = await endpoints.listDue(3, nowMs, 10, page.at(-1));
    }
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(idsOf(pages.flat())).toEqual([...ids].sort());
    const dueAts = pages.flat().map(({ dueAtMs }) => dueAtMs);
    expect(dueAts).toEqual([...dueAts].sort((a, b) => a - b));
  });

  test('postpones an endpoint without a conflict with replacements, until the next replacement', async () => {
    const endpoints = await open();
    const state = newEndpoint('acme', 'sub_1');
    await endpoints.replace(state, nowMs);
    const [due] = await listAll(endpoints, nowMs);
    if (due === undefined) throw new Error('no endpoint is due');
    expect(await endpoints.postpone(due, nowMs + 60_000)).toBe(true);
    expect(await listAll(endpoints, nowMs + 59_999)).toEqual([]);
    expect(await listAll(endpoints, nowMs + 60_000)).toEqual([{ ...due, dueAtMs: nowMs + 60_000 }]);
    expect(await read(endpoints, state)).toEqual({ ...state, revision: 1 });
    expect(await endpoints.replace({ ...state, revision: 1 }, nowMs + 1_000)).toBe(true);
    expect(await listAll(endpoints, nowMs + 1_000)).toEqual([{ ...due, dueAtMs: nowMs + 1_000 }]);
  });

  test('fails when the endpoint to postpone has another due time, no due time, no row, or another scope', async () => {
    const endpoints = await open();
    const state = newEndpoint('acme', 'sub_1');
    const due = { endpoint: 'sub_1', scope: 'acme', dueAtMs: nowMs };
    expect(await endpoints.postpone(due, nowMs + 60_000)).toBe(false);
    expect(await read(endpoints, state)).toEqual(state);
    // A drain came first, and set a due time before the postponed one.
    await endpoints.replace(state, nowMs);
    await endpoints.replace({ ...state, revision: 1 }, nowMs + 1_000);
    expect(await endpoints.postpone(due, nowMs + 60_000)).toBe(false);
    expect(await listAll(endpoints, nowMs + 1_000)).toEqual([{ ...due, dueAtMs: nowMs + 1_000 }]);
    expect(await endpoints.postpone({ ...due, scope: 'globex', dueAtMs: nowMs + 1_000 }, nowMs + 60_000)).toBe(false);
    // A drain removed it from the index.
    await endpoints.replace({ ...state, revision: 2 }, undefined);
    expect(await endpoints.postpone({ ...due, dueAtMs: nowMs + 1_000 }, nowMs + 60_000)).toBe(false);
    expect(await listAll(endpoints, Number.MAX_SAFE_INTEGER)).toEqual([]);
  });
});

describe('endpoints that are replaced concurrently on DynamoDB', () => {
  const seed = async (client: DynamoDBClient, count: number) => {
    const endpoints = createDynamoEndpointStore(client, await tables.create('limits'), newEndpoint);
    const states = Array.from({ length: count }, (_, index) => newEndpoint('acme', `sub_${index}`));
    await Promise.all(states.map((state) => endpoints.replace(state, nowMs)));
    return { endpoints, stored: await endpoints.getMany(states) };
  };

  test('share a request, 25 at a time', async () => {
    const client = tables.client();
    const { endpoints, stored } = await seed(client, 50);
    const requests = countRequests(client);
    await Promise.all(stored.map((state) => endpoints.replace(state, undefined)));
    expect(requests.count()).toBe(2);
    requests.end();
  });

  test('are updated separately where the service refuses a statement', async () => {
    const client = tables.client();
    const { endpoints, stored } = await seed(client, 3);
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        const { Responses } = answer.output as BatchExecuteStatementCommandOutput;
        if (Responses?.[1] !== undefined) Responses[1] = { Error: { Code: 'ValidationError', Message: 'no' } };
        return answer;
      },
      { step: 'initialize', name: 'refuse' },
    );
    const [first, second, third] = stored as [EndpointState, EndpointState, EndpointState];
    const changes = [first, { ...second, position: 1 }, { ...third, revision: 9 }];
    // Unlike the real service, this one has executed the refused statement: the separate update fails for that reason.
    expect(await Promise.all(changes.map((state) => endpoints.replace(state, undefined)))).toEqual([
      true,
      false,
      false,
    ]);
    client.middlewareStack.remove('refuse');
    expect(await read(endpoints, second)).toEqual({ ...second, position: 1, revision: 2 });
  });
});

function idsOfShard(shard: number, count: number): readonly string[] {
  const ids: string[] = [];
  for (let at = 0; ids.length < count; at += 1) if (shardOf(`sub_${at}`) === shard) ids.push(`sub_${at}`);
  return ids;
}
