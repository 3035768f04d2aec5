import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueSyntax } from '../../../../../lambdas/engine/verification/signatures/value-syntax.ts';
import { hasPath, hasSyntax } from '../../../../../lambdas/engine/verification/signatures/value-syntax.ts';
import { cpuMsOf, maxCpuMs } from '../../reception/acme.ts';

const of = (syntax: ValueSyntax['syntax'], min = 1, max = 128): ValueSyntax => ({ syntax, min, max });

describe('a syntax', () => {
  test.each<[ValueSyntax, string]>([
    [of('hex'), '0aF9'],
    [of('digits'), '0123456789'],
    [of('base64url'), 'Az-_09'],
    [of('uuid'), 'bfbd5111-8e33-4643-8ced-b2e642a72f3c'],
    [of('hex', 4, 4), 'abcd'],
  ])('%j accepts %s', (syntax, text) => {
    expect(hasSyntax(text, syntax)).toBe(true);
  });

  test.each<[ValueSyntax, string]>([
    [of('hex'), ''],
    [of('hex'), '0x1'],
    [of('hex'), 'ab\n'],
    [of('hex'), '\nab'],
    [of('digits'), '-1'],
    [of('digits'), '١'],
    [of('base64url'), 'a/b'],
    [of('base64url'), 'a='],
    [of('base64url'), 'é'],
    [of('uuid'), 'bfbd51118e3346438cedb2e642a72f3c'],
    [of('uuid'), 'bfbd5111-8e33-4643-8ced-b2e642a72f3c\n'],
    [of('uuid'), 'bfbd5111-8e33-4643-8ced-b2e642a72f3g'],
    [of('hex', 4, 4), 'abc'],
    [of('hex', 4, 4), 'abcde'],
  ])('%j rejects %j', (syntax, text) => {
    expect(hasSyntax(text, syntax)).toBe(false);
  });

  test('takes little time for a long text', () => {
    for (const syntax of ['hex', 'digits', 'base64url', 'uuid'] as const)
      fc.assert(
        fc.property(fc.constantFrom('a', '0', '-', 'a-', '!'), (unit) => {
          const text = unit.repeat(1_000_000);
          expect(cpuMsOf(() => hasSyntax(text, of(syntax, 1, 10_000_000)))).toBeLessThan(maxCpuMs);
        }),
        { numRuns: 5 },
      );
  });
});

test('a path needs its beginning, a name and its ending, and no query', () => {
  const path = { ...of('hex', 1, 8), prefix: '/certs/C-', suffix: '.pem' };
  const has = (text: string) => hasPath(new URL(`https://a.example${text}`), path);
  expect(has('/certs/C-0aff.pem')).toBe(true);
  // The URL parser resolves this to the same path.
  expect(has('/x/../certs/C-0aff.pem')).toBe(true);
  for (const text of [
    '/certs/C-.pem',
    '/certs/C-0aff',
    '/certs/C-0aff.pem/',
    '/certs/C-0aff.pem?a',
    '/certs/C-0aff.pem.pem',
    '/certs/C-0aff%2f.pem',
    '/certs/C-123456789.pem',
    '/certs/../C-0aff.pem',
    '/certs/C.pem',
  ])
    expect(has(text), text).toBe(false);
});
