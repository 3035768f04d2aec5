import { expect, test } from 'vitest';
import { deprecationHeaders } from '../../../../lambdas/engine/schema-versions/deprecation-headers.ts';
import type { Deprecation } from '../../../../lambdas/engine/schema-versions/versioned-resource.ts';

function deprecation(change: Partial<Deprecation> = {}): Deprecation {
  return {
    resource: 'hris/employees',
    major: 1,
    deprecatedAt: '2023-06-30T23:59:59Z',
    sunsetAt: null,
    link: undefined,
    ...change,
  };
}

test('there are no headers without a deprecation', () => {
  expect(deprecationHeaders([])).toEqual({});
});

// The values are the examples of the two specifications.
test('the headers follow RFC 9745 and RFC 8594', () => {
  expect(deprecationHeaders([deprecation()])).toEqual({ deprecation: '@1688169599' });
  expect(
    deprecationHeaders([
      deprecation({ sunsetAt: '2024-06-30T23:59:59Z', link: 'https://developer.example.com/deprecation' }),
    ]),
  ).toEqual({
    deprecation: '@1688169599',
    sunset: 'Sun, 30 Jun 2024 23:59:59 GMT',
    link: '<https://developer.example.com/deprecation>; rel="deprecation"',
  });
});

test('the headers give the earliest dates of several versions, and each link once', () => {
  const of = (deprecatedAt: string, sunsetAt: string | null, link?: string) =>
    deprecation({ deprecatedAt, sunsetAt, link });
  expect(
    deprecationHeaders([
      of('2026-02-01T00:00:00.500Z', null, 'https://a.example.com/'),
      of('2026-01-01T02:00:00+02:00', '2027-05-01T00:00:00Z', 'https://b.example.com/'),
      of('2026-03-01T00:00:00Z', '2027-04-01T00:00:00Z', 'https://a.example.com/'),
    ]),
  ).toEqual({
    deprecation: '@1767225600',
    sunset: 'Thu, 01 Apr 2027 00:00:00 GMT',
    link: '<https://a.example.com/>; rel="deprecation", <https://b.example.com/>; rel="deprecation"',
  });
});
