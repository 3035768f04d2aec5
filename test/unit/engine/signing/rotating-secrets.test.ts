import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, test } from 'vitest';
import { currentSecrets, rotate, type SigningSecret } from '../../../../lambdas/engine/signing/rotating-secrets.ts';
import { generateSigningKey } from '../../../../lambdas/engine/signing/signing-keys.ts';
import { encodeSecret, signCallback } from '../../../../lambdas/engine/signing/standard-webhooks.ts';

const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
const dayMs = 86_400_000;
const aSecret = (value: string, change: Partial<SigningSecret> = {}): SigningSecret => ({
  value,
  createdAt: '2026-11-01T00:00:00.000Z',
  ...change,
});

describe('a rotation', () => {
  test('puts the new secret first, and expires the old one a day later', () => {
    const rotated = rotate([aSecret('whsec_old')], 'whsec_new', undefined, nowMs);
    expect(rotated).toEqual([
      { value: 'whsec_new', createdAt: '2026-11-21T12:00:00.000Z' },
      { value: 'whsec_old', createdAt: '2026-11-01T00:00:00.000Z', expiresAtMs: nowMs + dayMs },
    ]);
    expect(currentSecrets(rotated, nowMs)).toEqual(['whsec_new', 'whsec_old']);
    expect(currentSecrets(rotated, nowMs + dayMs - 1)).toEqual(['whsec_new', 'whsec_old']);
    expect(currentSecrets(rotated, nowMs + dayMs)).toEqual(['whsec_new']);
  });

  test('never extends the expiry that an earlier rotation set', () => {
    const once = rotate([aSecret('whsec_1')], 'whsec_2', 60, nowMs);
    const twice = rotate(once, 'whsec_3', 3600, nowMs + 1000);
    expect(twice.map(({ value, expiresAtMs }) => [value, expiresAtMs])).toEqual([
      ['whsec_3', undefined],
      ['whsec_2', nowMs + 3_601_000],
      ['whsec_1', nowMs + 60_000],
    ]);
    // A shorter overlap shortens the lifetime of all secrets.
    expect(rotate(twice, 'whsec_4', 10, nowMs + 2000).map(({ expiresAtMs }) => expiresAtMs)).toEqual([
      undefined,
      nowMs + 12_000,
      nowMs + 12_000,
      nowMs + 12_000,
    ]);
  });

  test('without overlap keeps only the new secret, for a leaked old one', () => {
    expect(rotate([aSecret('whsec_1'), aSecret('whsec_0')], 'whsec_2', 0, nowMs).map(({ value }) => value)).toEqual([
      'whsec_2',
    ]);
    expect(rotate([aSecret('whsec_1')], 'whsec_2', -5, nowMs)).toHaveLength(1);
  });
});

describe('the list of secrets after a rotation', () => {
  test('holds a repeated secret once, as the newest', () => {
    const rotated = rotate(rotate([aSecret('whsec_1')], 'whsec_2', 60, nowMs), 'whsec_1', 60, nowMs);
    expect(rotated.map(({ value }) => value)).toEqual(['whsec_1', 'whsec_2']);
    expect(rotated[0]?.expiresAtMs).toBeUndefined();
  });

  test('drops expired secrets before valid ones, and holds at most five', () => {
    let secrets: readonly SigningSecret[] = [aSecret('whsec_0')];
    for (let at = 1; at <= 6; at += 1) secrets = rotate(secrets, `whsec_${at}`, 3600, nowMs + at);
    expect(secrets.map(({ value }) => value)).toEqual(['whsec_6', 'whsec_5', 'whsec_4', 'whsec_3', 'whsec_2']);
    const later = rotate(secrets, 'whsec_7', 3600, nowMs + 2 * dayMs);
    expect(later.map(({ value }) => value)).toEqual(['whsec_7', 'whsec_6']);
  });

  test('always has the new secret as a current one, after any earlier rotations and waits', () => {
    const steps = fc.array(
      fc.record({
        value: fc.constantFrom('whsec_a', 'whsec_b', 'whsec_c', 'whsec_d', 'whsec_e', 'whsec_f'),
        overlapSeconds: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
        waitMs: fc.integer({ min: 0, max: 200_000 }),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (rotations) => {
        let secrets: readonly SigningSecret[] = [];
        let atMs = nowMs;
        for (const { value, overlapSeconds, waitMs } of rotations) {
          atMs += waitMs;
          secrets = rotate(secrets, value, overlapSeconds, atMs);
          const values = secrets.map((secret) => secret.value);
          expect(values[0]).toBe(value);
          expect(new Set(values).size).toBe(values.length);
          expect(values.length).toBeLessThanOrEqual(5);
          expect(currentSecrets(secrets, atMs)).toEqual(values);
          expect(currentSecrets(secrets, Number.MAX_SAFE_INTEGER)).toEqual([value]);
        }
      }),
    );
  });
});

test.each([
  ['standardwebhooks', Webhook],
  ['svix', SvixWebhook],
])('%s verifies callbacks before, during and after a rotation, next to a v1a signature', (_name, Library) => {
  const [before, after] = [encodeSecret(randomBytes(32)), encodeSecret(randomBytes(32))] as const;
  // The libraries use the real clock.
  const startMs = Date.now();
  const body = '{"id":"evt_1","text":"ü€𝄞"}';
  const signingKeys = [generateSigningKey(randomBytes(32))];
  const headersOf = (secrets: readonly SigningSecret[], atMs: number) =>
    signCallback({ secrets: currentSecrets(secrets, atMs), signingKeys }, 'evt_1', Math.floor(startMs / 1000), body);
  const verify = (secret: string, headers: Record<string, string>) => new Library(secret).verify(body, headers);

  const secrets = [aSecret(before)];
  const rotated = rotate(secrets, after, undefined, startMs);
  expect(verify(before, headersOf(secrets, startMs))).toEqual(JSON.parse(body));
  for (const secret of [before, after]) expect(verify(secret, headersOf(rotated, startMs))).toEqual(JSON.parse(body));
  expect(verify(after, headersOf(rotated, startMs + dayMs))).toEqual(JSON.parse(body));
  expect(() => verify(before, headersOf(rotated, startMs + dayMs))).toThrow('No matching signature');
  expect(() => verify(after, headersOf(secrets, startMs))).toThrow('No matching signature');
});
