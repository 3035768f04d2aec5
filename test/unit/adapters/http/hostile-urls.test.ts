import { describe, expect, test } from 'vitest';
import { createEgressPolicy } from '../../../../lambdas/adapters/http/egress-policy.ts';
import { createAddressFilter } from '../../../../lambdas/engine/outbound/public-addresses.ts';
import { hostileUrls, resolveHostileNames } from '../../../fakes/hostile-urls.ts';

const policyFor = (allowHttp: boolean) =>
  createEgressPolicy({ mayDial: createAddressFilter([]), allowHttp, resolve: resolveHostileNames });

describe('a hostile URL (invariant 11)', () => {
  const [lenient, strict] = [policyFor(true), policyFor(false)];

  test.each(hostileUrls)('fails when it is called: $name, $url', async ({ url, refusal }) => {
    expect(await lenient.refusalOf(url)).toMatch(refusal);
    expect(await strict.refusalOf(url)).toMatch(url.startsWith('http:') ? /^its scheme must be https/ : refusal);
  });

  test('is listed only once', () => {
    expect(hostileUrls.length).toBeGreaterThan(50);
    for (const column of ['name', 'url'] as const)
      expect(new Set(hostileUrls.map((row) => row[column])).size).toBe(hostileUrls.length);
  });
});
