import { expect } from 'vitest';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { FakeEngine } from '../../fakes/fake-engine.ts';
import { anEvent } from '../../fakes/samples.ts';

let published = 0;

/** Publish one event for each record, in this order. @returns Their ids, in ascending order. */
export async function publishRecords(
  engine: FakeEngine,
  records: readonly string[],
  { ports = engine.publishPorts } = {},
): Promise<readonly string[]> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  const events = records.map((record) => {
    published += 1;
    return anEvent({ id: `evt_${String(published).padStart(6, '0')}`, record_id: record, timestamp });
  });
  const publications = await publishEvents(
    ports,
    events.map((event) => ({ event, owner: event.id })),
  );
  expect(publications.map(({ kind }) => kind)).toEqual(events.map(() => 'published'));
  return events.map(({ id }) => id);
}
