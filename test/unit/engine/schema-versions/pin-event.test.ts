import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CanonicalEvent } from '../../../../lambdas/engine/event/canonical-event.ts';
import { checkResource, prepareResources } from '../../../../lambdas/engine/mapping/check-resource.ts';
import { deprecationsOf, pinEvent } from '../../../../lambdas/engine/schema-versions/pin-event.ts';
import type { OlderMajor, VersionedResources } from '../../../../lambdas/engine/schema-versions/versioned-resource.ts';
import { employeesInMajors, olderMajors, threeMajors } from '../../../fakes/three-majors.ts';
import { event, frozen } from '../shaping/any-event.ts';

const resource = 'hris/employees';

function stored(schemaVersion: string, data: Readonly<Record<string, unknown>>): CanonicalEvent {
  return { ...event, resource, schema_version: schemaVersion, data };
}

const newest = stored('3.0.0', { id: '7', person: { display_name: 'Ada' }, custom_fields: { a: [1] }, remote: null });

async function pinned(pin: number, one: CanonicalEvent, resources: VersionedResources = threeMajors) {
  const result = await pinEvent(resources, { [resource]: pin }, one);
  if (result.kind === 'failed') throw new Error(result.reason);
  return result;
}

const withMajors = (...older: readonly OlderMajor[]): VersionedResources =>
  new Map([[resource, { schema: employeesInMajors[3], older }]]);

describe('an event of the newest major version', () => {
  test('is mapped down one version at a time to the pinned version, and shows that version', async () => {
    const untouched = frozen(structuredClone(newest));
    const { event: two } = await pinned(2, untouched);
    const rest = { custom_fields: { a: [1] }, remote: null };
    expect(two).toEqual({ ...newest, schema_version: '2.4.0', data: { id: '7', full_name: 'Ada', ...rest } });
    const { event: one } = await pinned(1, untouched);
    expect(one).toEqual({ ...newest, schema_version: '1.9.2', data: { id: '7', name: 'Ada', ...rest } });
    expect(Object.keys(one)).toEqual(Object.keys(newest));
  });

  test('stays unchanged when its own version or another resource is pinned', async () => {
    expect((await pinned(3, newest)).event).toBe(newest);
    const other = await pinEvent(threeMajors, { 'crm/contacts': 1 }, newest);
    expect(other).toEqual({ kind: 'pinned', event: newest, deprecations: [] });
  });

  test('fits the schema of the pinned version, for any data', async () => {
    const person = fc.option(fc.record({ display_name: fc.option(fc.string()) }, { requiredKeys: [] }));
    const anything = fc.record(
      { id: fc.string(), person, custom_fields: fc.option(fc.dictionary(fc.string(), fc.jsonValue())) },
      { requiredKeys: ['id'] },
    );
    const prepared = ([1, 2] as const).map((major) =>
      prepareResources(new Map([[resource, employeesInMajors[major]]])),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (data) => {
        for (const [index, resources] of prepared.entries()) {
          const result = await pinned(index + 1, stored('3.1.0', data));
          expect(checkResource(resources, resource, result.event.data)).toEqual([]);
          expect(JSON.stringify(result.event.data['custom_fields'])).toBe(JSON.stringify(data.custom_fields));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('an event that was stored before the newest major version', () => {
  test.each([
    [2, '2.1.0'],
    [3, '2.1.0'],
    [3, '1.9.2'],
    [1, '1.0.0'],
    [1, '0.0.0'],
  ])('stays unchanged for a reader pinned to %i, stored as %s', async (pin, version) => {
    const old = stored(version, { id: '7', name: 'Ada' });
    expect((await pinned(pin, old)).event).toBe(old);
  });

  test('is mapped down from its stored version', async () => {
    const { event: one } = await pinned(1, stored('2.1.0', { id: '7', full_name: 'Ada' }));
    expect(one).toMatchObject({ schema_version: '1.9.2', data: { id: '7', name: 'Ada' } });
  });
});

describe('deprecations', () => {
  test('are those of the pinned version, whatever version the event has', async () => {
    const ofOne = {
      resource,
      major: 1,
      deprecatedAt: '2026-03-01T00:00:00Z',
      sunsetAt: '2027-03-01T00:00:00Z',
      link: 'https://docs.example.com/employees-2',
    };
    expect((await pinned(1, newest)).deprecations).toEqual([ofOne]);
    expect((await pinned(1, stored('1.0.0', { id: '7' }))).deprecations).toEqual([ofOne]);
    expect((await pinned(2, newest)).deprecations).toMatchObject([{ major: 2, sunsetAt: null }]);
    expect((await pinned(3, newest)).deprecations).toEqual([]);
  });

  test('can be read for pins without an event', () => {
    expect(deprecationsOf(threeMajors, { [resource]: 2, 'crm/contacts': 1 })).toMatchObject([{ resource, major: 2 }]);
    expect(deprecationsOf(threeMajors, { 'crm/deals': 1, [resource]: 9 })).toEqual([]);
  });
});

describe('pinning an event', () => {
  const [two, one] = olderMajors;

  test.each<[string, readonly OlderMajor[], string]>([
    ['the version is no longer served', [two], 'major version 1 is no longer served'],
    ['a version on the way is missing', [one], 'major version 2 is no longer served'],
    [
      'a mapping fails, and does not quote the data',
      [{ ...two, down: '{ "full_name": person.display_name + 1 }' }, one],
      'the mapping down to 2.4.0 failed: JSONata T2001 in "+" at character 36',
    ],
    [
      'a mapping returns nothing',
      [two, { ...one, down: 'missing' }],
      'the mapping down to 1.9.2 failed: gave nothing, expected an object',
    ],
    [
      'a mapping returns a list',
      [{ ...two, down: '[$]' }, one],
      'the mapping down to 2.4.0 failed: gave a list, expected an object',
    ],
    [
      'a mapping returns a function',
      [{ ...two, down: '{ "id": $sum }' }, one],
      'the mapping down to 2.4.0 failed: gave a value of type function, which is not JSON',
    ],
  ])('fails when %s', async (_, older, reason) => {
    expect(await pinEvent(withMajors(...older), { [resource]: 1 }, newest)).toEqual({
      kind: 'failed',
      reason: `hris/employees 3.0.0 cannot be read as major version 1: ${reason}`,
    });
  });

  test('fails when the resource no longer has a schema', async () => {
    expect(await pinEvent(new Map(), { [resource]: 1 }, newest)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('major version 2 is no longer served'),
    });
  });
});
