import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  type ErasureCertificate,
  keptOf,
  renderCertificate,
} from '../../../../lambdas/engine/governance/erasure-certificate.ts';

const finishedAtMs = Date.parse('2026-11-21T12:05:00.000Z');
const certificate: ErasureCertificate = {
  id: 'ers_1',
  tenant: 'acme',
  requestedBy: 'key_admin',
  startedAt: '2026-11-21T12:00:00.000Z',
  finishedAt: new Date(finishedAtMs).toISOString(),
  removed: { events: 3, accounts: 1 },
  kept: [{ what: 'a number', why: 'it is needed', until: null }],
  passes: 2,
};

describe('a certificate', () => {
  test('is rendered with a digest that anyone can compute from its other members', () => {
    const { digest, ...rest } = renderCertificate(certificate);
    expect(rest).toEqual({
      id: 'ers_1',
      tenant: 'acme',
      requested_by: 'key_admin',
      started_at: '2026-11-21T12:00:00.000Z',
      finished_at: '2026-11-21T12:05:00.000Z',
      removed: { events: 3, accounts: 1 },
      kept: [{ what: 'a number', why: 'it is needed', until: null }],
      passes: 2,
    });
    const text =
      '{"finished_at":"2026-11-21T12:05:00.000Z","id":"ers_1","kept":[{"until":null,"what":"a number","why":"it is needed"}],' +
      '"passes":2,"removed":{"accounts":1,"events":3},"requested_by":"key_admin","started_at":"2026-11-21T12:00:00.000Z","tenant":"acme"}';
    expect(digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
  });

  test('says how long each kept item stays', () => {
    const kept = keptOf({ finishedAtMs, retentionDays: 30, rawRetentionDays: 90, auditRetentionDays: 400 });
    const daysOf = (what: RegExp) => {
      const found = kept.find((one) => what.test(one.what));
      if (found === undefined) throw new Error(`no kept item matches ${what.source}`);
      return found.until === null ? null : (Date.parse(found.until) - finishedAtMs) / 86_400_000;
    };
    expect(daysOf(/^ids of subscriptions/)).toBeNull();
    expect(daysOf(/^ids of accounts/)).toBeNull();
    expect(daysOf(/^digests/)).toBe(30);
    expect(daysOf(/^requests to URLs/)).toBe(90);
    expect(daysOf(/^other requests in the raw archive/)).toBe(90);
    expect(daysOf(/^entries of the audit/)).toBe(400);
    expect(daysOf(/^backups/)).toBe(35);
    for (const { why } of kept) expect(why).not.toBe('');
  });
});

describe('canonical JSON', () => {
  test('parses to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of members, and omits undefined members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
    expect(canonicalJson({ b: undefined, a: [1, 'x', null] })).toBe('{"a":[1,"x",null]}');
  });
});
