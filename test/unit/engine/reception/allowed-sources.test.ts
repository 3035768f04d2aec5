import { describe, expect, test } from 'vitest';
import { isAddressRange } from '../../../../lambdas/engine/outbound/address-ranges.ts';
import { allowSources } from '../../../../lambdas/engine/reception/allowed-sources.ts';

describe('allowed sources', () => {
  test('without a list are all addresses, also an unknown one', () => {
    for (const allows of [allowSources(undefined), allowSources([])])
      for (const address of ['192.0.2.1', '2001:db8::1', undefined]) expect(allows(address)).toBe(true);
  });

  test.each([
    ['192.0.2.0', true],
    ['192.0.2.255', true],
    ['192.0.3.0', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['2001:db8:1::1', true],
    ['2001:0DB8:0001:0000::1', true],
    ['2001:db8:2::1', false],
    // The same address, as an IPv6 socket shows it.
    ['::ffff:192.0.2.5', true],
    ['::ffff:c000:205', true],
    ['::ffff:192.0.3.5', false],
  ])('decide about %s: %s', (address, expected) => {
    expect(allowSources(['192.0.2.0/24', '198.51.100.7/32', '2001:db8:1::/48'])(address)).toBe(expected);
  });

  test('of one family allow no address of the other', () => {
    expect(allowSources(['::/0'])('192.0.2.1')).toBe(false);
    expect(allowSources(['0.0.0.0/0'])('2001:db8::1')).toBe(false);
    expect(allowSources(['0.0.0.0/0'])('192.0.2.1')).toBe(true);
  });

  test.each([undefined, '', 'localhost', '192.0.2.1, 10.0.0.1', '192.0.2.1:443', 'fe80::1%eth0', '3221225985'])(
    'fails when the address is none: %s',
    (address) => {
      expect(allowSources(['0.0.0.0/0', '::/0'])(address)).toBe(false);
    },
  );
});

describe('an address range', () => {
  test.each(['192.0.2.0/24', '0.0.0.0/0', '192.0.2.1/32', '::/0', '2001:db8::/32', '2001:db8::1/128'])(
    '%s',
    (range) => {
      expect(isAddressRange(range)).toBe(true);
    },
  );

  test.each([
    '192.0.2.0',
    '192.0.2.0/33',
    '192.0.2.0/-1',
    '192.0.2.0/',
    '192.0.2/24',
    '2001:db8::/129',
    '/8',
    '',
    'a/8',
    '10.0.0.0/8/8',
    'fe80::1%eth0/64',
    '010.0.0.0/8',
  ])('fails when it is not in CIDR form: %s', (range) => {
    expect(isAddressRange(range)).toBe(false);
  });
});
