import { describe, expect, test } from 'vitest';
import {
  isOrderedByReceipt,
  observationOf,
  type RecordCandidate,
} from '../../../lambdas/flows/publish/observe-candidate.ts';
import { anEvent } from '../../fakes/samples.ts';

const seenAtMs = Date.parse('2026-11-21T12:00:00.000Z');

function candidate(
  record: Partial<RecordCandidate['record']>,
  event: Parameters<typeof anEvent>[0] = {},
): RecordCandidate {
  return {
    owner: 'raw_1',
    event: anEvent(event),
    record: {
      incarnation: '',
      traits: { versionKind: 'time', volatile: [] },
      by: 'webhook',
      change: 'updated',
      version: undefined,
      changeName: 'delivery 1',
      seenAtMs,
      ...record,
    },
  };
}

describe('a rank', () => {
  test('is the version, with the provider’s time of the change', () => {
    const rank = observationOf(
      candidate({ version: '2026-11-21T11:00:00.5Z' }, { occurred_at: '2026-11-21T11:30:00Z' }),
    ).rank;
    expect(rank).toEqual({ version: '2026-11-21T11:00:00.5Z', atMs: Date.parse('2026-11-21T11:30:00Z') });
  });

  test('has the time of the version where the provider gives no other', () => {
    expect(observationOf(candidate({ version: '2026-11-21T11:00:00Z' })).rank.atMs).toBe(
      Date.parse('2026-11-21T11:00:00Z'),
    );
  });

  test('is the receipt where the provider gives neither', () => {
    expect(observationOf(candidate({})).rank).toEqual({ version: undefined, atMs: seenAtMs, isReceipt: true });
    expect(isOrderedByReceipt(candidate({}))).toBe(true);
    expect(isOrderedByReceipt(candidate({}, { occurred_at: '2026-11-21T11:00:00Z' }))).toBe(false);
    expect(isOrderedByReceipt(candidate({ by: 'read' }))).toBe(false);
  });

  test.each([
    ['is not of its kind', { version: 'yesterday' }, {}],
    ['is far in the future', { version: '2999-01-01T00:00:00Z' }, {}],
    [
      'is far in the future, as the time is',
      { version: '2999-01-01T00:00:00Z' },
      { occurred_at: '2999-01-01T00:00:00Z' },
    ],
  ])('does not have a version that %s: it would make every later change stale', (_, record, event) => {
    expect(observationOf(candidate(record, event)).rank).toEqual({
      version: undefined,
      atMs: seenAtMs,
      isReceipt: true,
    });
    expect(isOrderedByReceipt(candidate(record, event))).toBe(true);
  });

  test('has a time that is a little ahead, as clocks are', () => {
    const ahead = '2026-11-22T11:59:59Z';
    expect(observationOf(candidate({ version: ahead })).rank.version).toBe(ahead);
  });

  test('of an opaque version needs another order', () => {
    const opaque = candidate({ version: '"etag"', traits: { versionKind: 'opaque', volatile: [] } });
    expect(observationOf(opaque).rank).toMatchObject({ version: '"etag"', isReceipt: true });
    expect(isOrderedByReceipt(opaque)).toBe(true);
  });
});

test('a part of a record has no fingerprint, and neither has a deletion', () => {
  expect(observationOf(candidate({})).fingerprint).toBeDefined();
  expect(observationOf(candidate({}, { thin: true }))).toMatchObject({ extent: 'partial', fingerprint: undefined });
  expect(observationOf(candidate({ change: 'deleted' })).fingerprint).toBeUndefined();
  const traits = { versionKind: 'time', volatile: [], isPartial: true } as const;
  expect(observationOf(candidate({ traits }))).toMatchObject({ extent: 'partial', fingerprint: undefined });
  expect(observationOf(candidate({ traits, by: 'read' })).extent).toBe('full');
});
