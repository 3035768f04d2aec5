import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import type { CanonicalEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import { transformEvent } from '../../../lambdas/engine/expression/run-expression.ts';
import type { VersionedResources } from '../../../lambdas/engine/schema-versions/versioned-resource.ts';
import { prepareShaping, shapeEvents } from '../../../lambdas/engine/shaping/shape-event.ts';
import type { ShapingOptions } from '../../../lambdas/engine/shaping/shaping-schema.ts';
import { prepareCallback } from '../../../lambdas/flows/deliver/attempt/attempt-delivery.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { listServedMajors } from '../../../lambdas/flows/feed/list-served-majors.ts';
import { pinEvents, pinFeedPage, pinHeaders } from '../../../lambdas/flows/feed/pin-events.ts';
import { readFeed } from '../../../lambdas/flows/feed/read-feed.ts';
import { refuseFeedPins, refuseSubscriptionPins } from '../../../lambdas/flows/feed/refuse-pins.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { beginAtEnd, createSubscription } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import { updateSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import { testEndpoint } from '../../../lambdas/flows/subscriptions/test-endpoint.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { anEvent, aSubscription, staff } from '../../fakes/samples.ts';
import { employeesInMajors, olderMajors, threeMajors } from '../../fakes/three-majors.ts';
import { letTimePass } from '../let-time-pass.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const pinnedTo1: ShapingOptions = { schema_versions: { 'hris/employees': 1 } };
const endOf1 = {
  deprecation: '@1772323200',
  sunset: 'Mon, 01 Mar 2027 00:00:00 GMT',
  link: '<https://docs.example.com/employees-2>; rel="deprecation"',
};

/** An engine whose employees have the third major version. */
async function prepare(change: Partial<Subscription> = {}, versioned: VersionedResources = threeMajors) {
  const engine = createFakeEngine(staff, versioned);
  const subscription = aSubscription(change);
  if (subscription.ordering !== 'none') await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create(subscription);
  return engine;
}

const anEmployee = (name: string, change: Partial<CanonicalEvent> = {}) =>
  anEvent({
    id: `evt_${name}`,
    record_id: name,
    schema_version: '3.1.0',
    data: { id: name, person: { display_name: name } },
    ...change,
  });

async function publish(engine: FakeEngine, ...events: readonly ReturnType<typeof anEvent>[]): Promise<void> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  await publishEvents(
    engine.publishPorts,
    events.map((event) => ({ event: { ...event, timestamp }, owner: event.id })),
  );
}

const bodies = (engine: FakeEngine) => engine.callbacks.requests.map(({ body }) => JSON.parse(body));

describe('a callback to a receiver that pins an older major version', () => {
  test.each([
    ['to an endpoint that is known to be fast', 20],
    ['to an endpoint that is drained', undefined],
  ])('has the shape of that version, and announces its sunset, %s', async (_, latencyMs) => {
    const engine = await prepare({ shaping: pinnedTo1 });
    await engine.endpoints.replace({ ...newEndpoint('acme', 'sub_1'), latencyMs }, undefined);
    // The library knows only the real clock.
    engine.clock.advance(Date.now() - engine.clock.nowMs());
    await publish(engine, anEmployee('Ada'));
    await letTimePass(engine, minuteMs);
    const [request] = engine.callbacks.requests;
    expect(request?.headers).toMatchObject(endOf1);
    const secret = aSubscription().secrets[0]?.value ?? '';
    expect(new Webhook(secret).verify(request?.body ?? '', { ...request?.headers })).toMatchObject({
      id: 'evt_Ada',
      sequence: 1,
      schema_version: '1.9.2',
      data: { id: 'Ada', name: 'Ada' },
    });
  });

  test('is filtered, reduced, transformed and wrapped in the shape of that version', async () => {
    const engine = await prepare({
      shaping: {
        ...pinnedTo1,
        filter: 'data.name = "Ada"',
        fields: { include: ['data.name'] },
        transform: '{ "text": data.name, "version": schema_version }',
        envelope: 'cloudevents',
      },
    });
    await publish(engine, anEmployee('Ada'), anEmployee('Bob'));
    await letTimePass(engine, minuteMs);
    expect(bodies(engine)).toMatchObject([{ schemaversion: '1.9.2', data: { text: 'Ada', version: '1.9.2' } }]);
  });

  test('is filtered in that version for ordered subscriptions, and for replays', async () => {
    const filter = 'data.name = "Ada"';
    const engine = await prepare({ ordering: 'record', shaping: { ...pinnedTo1, filter } });
    await publish(engine, anEmployee('Bob'), anEmployee('Ada'));
    await letTimePass(engine, minuteMs);
    expect(bodies(engine)).toMatchObject([{ id: 'evt_Ada', data: { name: 'Ada' } }]);
    const [subscription] = await engine.subscriptions.getMany([{ scope: 'acme', id: 'sub_1' }]);
    await startReplay(engine.drainPorts, subscription as Subscription, {
      tenant: 'acme',
      mode: 'all',
      ratePerSecond: 100,
    });
    await letTimePass(engine, minuteMs);
    expect(bodies(engine).map(({ id }) => id)).toEqual(['evt_Ada', 'evt_Ada']);
    expect(engine.callbacks.requests[1]?.headers).toMatchObject({ 'tributary-replay': 'true', ...endOf1 });
  });

  test('is mapped separately in a batch, whatever its stored version', async () => {
    const engine = await prepare({ shaping: { ...pinnedTo1, batch: { max_events: 10, max_wait_seconds: 0 } } });
    await publish(
      engine,
      anEmployee('Ada'),
      anEmployee('Bob', { schema_version: '2.0.0', data: { id: 'Bob', full_name: 'Bob' } }),
      anEmployee('Cyd', { schema_version: '1.3.0', data: { id: 'Cyd', name: 'Cyd' } }),
      anEmployee('Dan', { resource: 'crm/contacts', schema_version: '1.0.0', data: { id: 'Dan' } }),
    );
    await letTimePass(engine, minuteMs);
    const events = bodies(engine).flatMap((body) => body.events as CanonicalEvent[]);
    const byName = events.toSorted((one, other) => (one.record_id < other.record_id ? -1 : 1));
    expect(byName.map(({ schema_version: version, data }) => [version, data])).toEqual([
      ['1.9.2', { id: 'Ada', name: 'Ada' }],
      ['1.9.2', { id: 'Bob', name: 'Bob' }],
      ['1.3.0', { id: 'Cyd', name: 'Cyd' }],
      ['1.0.0', { id: 'Dan' }],
    ]);
    expect(engine.callbacks.requests[0]?.headers).toMatchObject(endOf1);
  });

  test('is tested in that version', async () => {
    const engine = await prepare();
    const prepared = prepareSubscription(aSubscription({ shaping: pinnedTo1 }));
    await testEndpoint(engine.drainPorts, prepared, { simulate: undefined, type: undefined, resource: undefined });
    expect(bodies(engine)).toMatchObject([{ schema_version: '1.9.2', data: { name: 'Test display name' } }]);
  });

  test('continues after the sunset, while the version is deployed', async () => {
    const engine = await prepare({ shaping: pinnedTo1 });
    engine.clock.advance(365 * dayMs);
    await publish(engine, anEmployee('Ada'));
    await letTimePass(engine, minuteMs);
    expect(bodies(engine)).toMatchObject([{ data: { name: 'Ada' } }]);
  });

  test('fails with the reason when the event cannot be mapped, does not harm the endpoint, and is sent once it can be mapped', async () => {
    const [two, one] = olderMajors;
    let down = '{ "id": id, "full_name": $error("no name") }';
    const versioned: VersionedResources = new Map([
      [
        'hris/employees',
        {
          schema: employeesInMajors[3],
          get older() {
            return [{ ...two, down }, one];
          },
        },
      ],
    ]);
    const engine = await prepare({ shaping: { ...pinnedTo1, filter: 'data.name = "Ada"' } }, versioned);
    await publish(engine, anEmployee('Ada'));
    await letTimePass(engine, minuteMs);
    expect(engine.callbacks.requests).toEqual([]);
    const [failed] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
    expect(failed).toMatchObject({ state: 'retrying' });
    expect(failed?.attempts.at(-1)?.error).toBe(
      'hris/employees 3.1.0 cannot be read as major version 1: the mapping down to 2.4.0 failed: no name',
    );
    expect(await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }])).toMatchObject([
      { circuit: 'closed', failingSinceMs: undefined },
    ]);
    down = two.down;
    await letTimePass(engine, 60 * minuteMs);
    expect(bodies(engine)).toMatchObject([{ id: 'evt_Ada', data: { name: 'Ada' } }]);
  });
});

describe('a callback without pins', () => {
  const drop: string[] = ['data.salary'];
  const forms = fc.record(
    {
      envelope: fc.constantFrom('tributary' as const, 'cloudevents' as const),
      batch: fc.constant({ max_events: 10, max_wait_seconds: 5 }),
      transform: fc.constantFrom('$', 'data', '{ "text": $string(data) }'),
      fields: fc.constant({ drop }),
      schema_versions: fc.constantFrom<Record<string, number> | undefined>({}, undefined),
    },
    { requiredKeys: [] },
  );

  test('is byte for byte the same as without pinning, and reads no resources', async () => {
    const engine = await prepare();
    const anyData = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(forms, anyData, async (shaping, data) => {
        const event: CanonicalEvent = { ...anEmployee('Ada', { data }), sequence: 7 };
        const subscription = aSubscription({ shaping });
        const callback = await prepareCallback(
          engine.drainPorts,
          prepareSubscription(subscription),
          event.id,
          [event],
          {
            isReplay: false,
          },
        );
        const { schema_versions: _, ...unpinned } = shaping;
        const shaped = await shapeEvents(prepareShaping(unpinned), [event], transformEvent);
        if (callback.kind !== 'ready' || shaped.kind !== 'body') throw new Error('not shaped');
        expect(callback.request.body).toBe(shaped.body);
        expect(Object.keys(callback.request.headers).sort()).toEqual([
          'content-type',
          'traceparent',
          'tributary-hops',
          'user-agent',
          'webhook-id',
          'webhook-signature',
          'webhook-timestamp',
        ]);
      }),
    );
    expect(engine.resources.reads()).toBe(0);
  });

  test('is the event as stored, of any major version', async () => {
    const engine = await prepare();
    const older = anEmployee('Bob', { schema_version: '2.0.0', data: { id: 'Bob', full_name: 'Bob' } });
    await publish(engine, older);
    await letTimePass(engine, minuteMs);
    expect(bodies(engine)).toMatchObject([{ schema_version: '2.0.0', data: older.data }]);
    expect(engine.callbacks.requests[0]?.headers).not.toHaveProperty('deprecation');
  });
});

describe('a subscription', () => {
  const request = { ...aSubscription(), id: 'sub_2' };
  const create = async (pins: ShapingOptions['schema_versions'], afterMs = 0) => {
    const { manageSubscriptionPorts: ports, clock } = await prepare();
    clock.advance(afterMs);
    return createSubscription(ports, { ...request, shaping: { schema_versions: pins } });
  };

  test('is created with pins that can be served', async () => {
    const pins = { 'hris/employees': 1, 'crm/contacts': 1 };
    expect(await create(pins)).toMatchObject({ subscription: { shaping: { schema_versions: pins } } });
  });

  test('fails when it is created with a pin that cannot be served, and names the pin', async () => {
    expect(await create({ 'crm/contacts': 1, 'hris/employees': 4 })).toEqual({
      kind: 'conflict',
      path: 'schema_versions.hris/employees',
      reason: 'major version 4 does not exist yet, expected 3 or 2 or 1',
    });
    expect(await create({ 'hris/employees': 1 }, 365 * dayMs)).toMatchObject({
      kind: 'conflict',
      reason: expect.stringContaining('reached its sunset'),
    });
  });

  test('keeps its pins when it changes, even unserved ones, and accepts no other unserved pin', async () => {
    const { manageSubscriptionPorts: ports, clock } = await prepare({ shaping: pinnedTo1 });
    clock.advance(365 * dayMs);
    const change = (schemaVersions: ShapingOptions['schema_versions']) =>
      updateSubscription(ports, 'sub_1', { shaping: { schema_versions: schemaVersions } });
    expect(await updateSubscription(ports, 'sub_1', { types: ['record:*'] })).toMatchObject({ kind: 'updated' });
    expect(await change({ 'hris/employees': 1, 'crm/contacts': 1 })).toMatchObject({ kind: 'updated' });
    expect(await change({ 'hris/employees': 1, 'crm/contacts': 2 })).toMatchObject({
      kind: 'conflict',
      path: 'schema_versions.crm/contacts',
    });
    expect(await change({ 'hris/employees': 2 })).toMatchObject({ kind: 'updated' });
    expect(await change({ 'hris/employees': 1 })).toMatchObject({ kind: 'conflict' });
    expect(await change(undefined)).toMatchObject({ kind: 'updated' });
  });

  test('fails when it gets any of several pins that cannot be served', async () => {
    const { drainPorts } = await prepare();
    const faults = await refuseSubscriptionPins(drainPorts, { 'hris/employees': 4, 'crm/deals': 1 });
    expect(faults.map(({ kind }) => kind)).toEqual(['too-new', 'unknown-resource']);
  });
});

describe('a reader of the feed', () => {
  const query = { tenant: 'acme', position: 0, limit: 10, types: [], resources: [], accounts: [] };
  const pins = { 'hris/employees': 1 };
  const read = async (engine: FakeEngine, position = 0) =>
    pinFeedPage(engine.drainPorts, pins, await readFeed(engine.feedPorts, { ...query, position }));

  test('gets the events in its version, and deprecations, with or without events', async () => {
    const engine = await prepare();
    expect(await pinHeaders(engine.drainPorts, pins)).toEqual(endOf1);
    expect(await pinHeaders(engine.drainPorts, { 'hris/employees': 3 })).toEqual({});
    await publish(engine, anEmployee('Ada'), anEmployee('Bob'));
    expect(await read(engine)).toMatchObject({
      kind: 'page',
      page: { events: [{ data: { name: 'Ada' } }, { data: { name: 'Bob' } }], position: 2, caughtUp: true },
    });
  });

  test('without pins gets the page unchanged, and reads no resources', async () => {
    const engine = await prepare();
    await publish(engine, anEmployee('Ada'));
    const page = await readFeed(engine.feedPorts, query);
    for (const none of [undefined, {}]) {
      expect(await pinFeedPage(engine.drainPorts, none, page)).toEqual({ kind: 'page', page });
      expect(await pinHeaders(engine.drainPorts, none)).toEqual({});
    }
    expect(engine.resources.reads()).toBe(0);
  });

  test('reaches an event that cannot be mapped after all events before it, each once (invariant 8)', async () => {
    const engine = await prepare();
    // A later deployment added this version; this one does not know it.
    await publish(engine, anEmployee('Ada'), anEmployee('Bob'), anEmployee('Cyd', { schema_version: '9.0.0' }));
    expect(await read(engine)).toMatchObject({
      kind: 'page',
      page: { events: [{ record_id: 'Ada' }, { record_id: 'Bob' }], position: 2, caughtUp: false },
    });
    expect(await read(engine, 2)).toEqual({
      kind: 'failed',
      event: 'evt_Cyd',
      reason: 'hris/employees 9.0.0 cannot be read as major version 1: major version 8 is no longer served',
    });
  });

  test('gets fewer events per page if they are larger in its version', async () => {
    const [two, one] = olderMajors;
    const wordy = '$merge([$, { "name": $pad(full_name, 1000000, "x") }])';
    const engine = await prepare(
      {},
      new Map([['hris/employees', { schema: employeesInMajors[3], older: [two, { ...one, down: wordy }] }]]),
    );
    await publish(engine, ...['a', 'b', 'c', 'd'].map((name) => anEmployee(name)));
    const seen: string[] = [];
    for (let position = 0; ; ) {
      const result = await read(engine, position);
      if (result.kind === 'failed') throw new Error(result.reason);
      const { events, caughtUp } = result.page;
      expect(JSON.stringify(JSON.stringify(events)).length).toBeLessThan(limits.maxEventBytes);
      seen.push(...events.map(({ record_id: record }) => record));
      position = result.page.position;
      if (caughtUp) break;
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
  });

  test('fails when its version is not served; a sunset does not stop it', async () => {
    const { drainPorts, clock } = await prepare();
    expect(await refuseFeedPins(drainPorts, { 'hris/employees': 4 })).toMatchObject([{ kind: 'too-new' }]);
    clock.advance(365 * dayMs);
    expect(await refuseFeedPins(drainPorts, pins)).toEqual([]);
  });

  test('can list the versions', async () => {
    const { drainPorts } = await prepare();
    expect((await listServedMajors(drainPorts, 'hris/employees'))?.map(({ major }) => major)).toEqual([3, 2, 1]);
    expect(await listServedMajors(drainPorts, 'crm/deals')).toBeUndefined();
  });
});

test('of several events, the first that cannot be mapped is reported, with the events before it', async () => {
  const { drainPorts } = await prepare();
  const events = [anEmployee('Ada'), anEmployee('Bob', { schema_version: '5.0.0' })].map((event, index) => ({
    ...event,
    sequence: index + 1,
  }));
  expect(await pinEvents(drainPorts, { 'hris/employees': 2 }, events)).toMatchObject({
    kind: 'failed',
    event: 'evt_Bob',
    events: [{ schema_version: '2.4.0', data: { full_name: 'Ada' } }],
  });
});
