import { hash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  packEventRow,
  readEventRow,
  unpackEventRow,
} from '../../../../../lambdas/adapters/dynamo/rows/packed-event-row.ts';
import { fromItem, itemBytes, toItem } from '../../../../../lambdas/adapters/dynamo/rows/row-codecs.ts';
import { toEvent } from '../../../../../lambdas/flows/feed/read-event.ts';
import type { EventRow } from '../../../../../lambdas/ports/events/event-store.ts';
import { githubIssue } from '../../../../bench/github-issue.ts';
import { createInMemoryClaimStore } from '../../../../fakes/in-memory-claim-store.ts';

const row = (data: unknown) => {
  const inlineData = JSON.stringify(data);
  return {
    id: 'evt_0123456789abcdef0123456789abcdef',
    type: 'record:created',
    timestamp: '2026-11-27T12:00:00.123Z',
    tenant: 'acme',
    account: 'acc_github_acme',
    integration: 'github',
    resource: 'ticketing/tickets',
    record_id: '2910044017',
    sequence: 4211,
    origin: 'webhook',
    raw_event_type: 'issues.opened',
    schema_version: '1.0.0',
    inlineData,
    dataBytes: Buffer.byteLength(inlineData),
    writtenAtMs: 1_795_780_800_123,
    expiresAtEpochSeconds: 1_798_372_800,
  };
};

test('an event of 2 KB is stored in one write unit', () => {
  const { issue, repository } = JSON.parse(githubIssue(17, 2_048)) as Record<string, object>;
  const whole = row({ ...issue, repository });
  expect(itemBytes(whole)).toBeGreaterThan(2_048);
  const packed = packEventRow(whole);
  expect(itemBytes(packed)).toBeLessThanOrEqual(1_024);
  // Attributes by which rows are found, ordered and deleted are not packed.
  const { id, tenant, sequence, writtenAtMs, expiresAtEpochSeconds } = whole;
  expect(packed).toMatchObject({ id, tenant, sequence, writtenAtMs, expiresAtEpochSeconds });
  expect(unpackEventRow(fromItem(toItem(packed)))).toEqual(whole);
});

const trace = Buffer.from('019abc3f2c005e2f0c1b7a9d4e6f8a0b', 'hex');
const units = (packed: Record<string, unknown>) => Math.ceil(itemBytes(packed) / 1_024);

test('the trace of a plain row never costs a write unit: a row that it makes too long is packed', () => {
  for (let length = 0; length < 700; length += 1) {
    const { issue } = JSON.parse(githubIssue(17, length)) as Record<string, object>;
    const whole = row(issue);
    if (itemBytes(whole) > 1_024) continue;
    const packed = packEventRow({ ...whole, trace });
    expect(units(packed), String(length)).toBe(1);
    expect(unpackEventRow(fromItem(toItem(packed)))).toEqual({ ...whole, trace });
  }
});

test('the trace of a packed row costs a write unit of one in fifty', () => {
  const texts = Array.from({ length: 400 }, (_, index) =>
    Array.from({ length: 8 + index }, (__, word) => hash('sha256', `${index % 7} ${word}`, 'hex').slice(0, 7)).join(
      ' ',
    ),
  );
  const rows = texts.map((text) => row({ text })).filter((one) => itemBytes(one) > 1_024);
  const dearer = rows.filter((one) => units(packEventRow({ ...one, trace })) > units(packEventRow(one)));
  expect(rows.length).toBeGreaterThan(200);
  expect(dearer.length / rows.length).toBeLessThan(0.04);
});

test('a row that takes one write unit stays plain', () => {
  const whole = row({ id: '1' });
  expect(packEventRow(whole)).toBe(whole);
  expect(unpackEventRow(whole)).toBe(whole);
});

test('a row that would take as many units packed stays plain', () => {
  const noise = Array.from({ length: 31 }, (_, index) => hash('sha256', String(index), 'base64')).join('');
  const whole = row({ noise });
  expect(itemBytes(whole)).toBeGreaterThan(1_024);
  expect(packEventRow(whole)).toBe(whole);
});

test('any row is unchanged after packing and unpacking', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  fc.assert(
    fc.property(fc.object({ maxDepth: 3 }), text, fc.nat(3_000), (data, name, filling) => {
      const whole = {
        ...row({ data: JSON.parse(JSON.stringify(data)), filling: 'ab\n'.repeat(filling) }),
        account: name,
      };
      expect(unpackEventRow(fromItem(toItem(packEventRow(whole))))).toEqual(whole);
    }),
  );
});

test('a row whose data is in S3 stays plain', () => {
  const { inlineData: _, ...others } = row({});
  const whole = { ...others, claimKey: `acme/${'k'.repeat(2_000)}` };
  expect(packEventRow(whole)).toBe(whole);
});

test('a row that an earlier version packed can be read, so the dictionary must not change', () => {
  const inlineData = Buffer.from(
    'AavGaSuqcRmZSflJ8YnJuakIveboyd4xJREt6fvkl6XmJCanotcLiSmJDiDDYMkAKYuBwq4WAA==',
    'base64',
  );
  const data = { id: '7', first_name: 'Ada', last_name: 'Lovelace', work_email: 'ada@acme.example', active: true };
  expect(unpackEventRow({ id: 'evt_1', tenant: 'acme', sequence: 7, inlineData })).toEqual({
    id: 'evt_1',
    tenant: 'acme',
    sequence: 7,
    type: 'record:updated',
    account: 'acc_hibob_acme',
    inlineData: JSON.stringify(data),
    dataBytes: 98,
  });
});

test.each([Buffer.of(9, 1, 2), Buffer.alloc(0)])('unpacking fails when the dictionary is unknown: %j', (inlineData) => {
  expect(() => unpackEventRow({ id: 'evt_1', inlineData })).toThrow('event evt_1 is packed with an unknown dictionary');
});

test.each([
  Buffer.of(9, 1, 2),
  Buffer.of(1, 255, 255, 255),
  Buffer.concat([Buffer.of(1), deflateRawSync('{"account"')]),
])('a row that cannot be unpacked is read with its key and the reason: %j', (inlineData) => {
  const place = { id: 'evt_1', tenant: 'acme', sequence: 7, writtenAtMs: 1_000 };
  const read = readEventRow({ ...place, inlineData });
  expect(read).toMatchObject({ ...place, timestamp: '1970-01-01T00:00:01.000Z', dataBytes: 0 });
  expect(read['unreadable']).toMatch('evt_1');
  expect(read['inlineData']).toBeUndefined();
});

test('a reader that expects a plain row fails on a packed row instead of delivering an empty event', async () => {
  const packed = fromItem(toItem(packEventRow(row({ text: 'ab'.repeat(1_000) })))) as unknown as EventRow;
  const payloads = createInMemoryClaimStore();
  await expect(toEvent({ payloads }, packed)).rejects.toThrow(SyntaxError);
});
