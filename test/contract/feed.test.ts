import { expect, inject, test } from 'vitest';
import { createDynamoEventReader, createDynamoEventWriter } from '../../lambdas/adapters/dynamo/stores/event-store.ts';
import { createFakeEngine } from '../fakes/fake-engine.ts';
import { expectExactlyOnce, runFeedLoad } from '../fakes/feed-load.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const retentionDays = 30;
const timeout = 120_000;
const eventCount = inject('isExploring') ? 4_000 : 1_000;

test('3 readers see each event of 4 writers on DynamoDB once and in order, although every tenth run dies (invariant 8)', {
  timeout,
}, async () => {
  const engine = createFakeEngine();
  const { clock } = engine;
  const [events, idempotency] = await Promise.all([tables.create('events'), tables.create('idempotency')]);
  const client = tables.client();
  const report = await runFeedLoad({
    seed: 'feed on DynamoDB',
    events: eventCount,
    writers: 4,
    killed: 0.1,
    // Each reading is a call, and calls take real time: make few readings.
    callMs: 0,
    lookMs: 10_000,
    waits: 0.02,
    ports: engine.publishPorts,
    store: {
      ...createDynamoEventWriter(client, { events, idempotency }, { clock, retentionDays }),
      ...createDynamoEventReader(client, events, clock),
    },
    clock,
    time: createVirtualTime(clock),
  });
  expectExactlyOnce(report);
  expect(report.runs.killed).toBeGreaterThan(10);
});
