import { BlockList, isIP } from 'node:net';
import { EngineError } from '../../contracts/engine-error.ts';

/** An IPv4 address within an IPv6 one, which the system dials as IPv4. @see https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 */
export const mappedIpv4 = '::ffff:0:0/96';

const maxPrefix = { ipv4: 32, ipv6: 128 };

export interface AddressRanges {
  contain(address: string): boolean;
}

/** Whether a text is a range in CIDR form, of either family. A range without a prefix is none: it must not be read as /0. */
export function isAddressRange(range: string): boolean {
  const [network = '', prefix = '', ...rest] = range.split('/');
  return (
    isIP(network) !== 0 &&
    // A zone (`fe80::1%eth0`) names an interface of one machine.
    !network.includes('%') &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(prefix) &&
    Number(prefix) <= maxPrefix[familyOf(network)]
  );
}

/**
 * Address ranges of both families; each address is checked against the ranges of its own family.
 *
 * @throws {configuration-invalid} when a range is invalid.
 */
export function addressRanges(ranges: readonly string[]): AddressRanges {
  // One list per family: a block list also checks an IPv4 address against IPv6 ranges, and ::/3 would match them all.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    if (!isAddressRange(range))
      throw new EngineError('configuration-invalid', `an allowed range must be in CIDR form, got "${range}"`, {
        retryable: false,
      });
    const [network = '', prefix = ''] = range.split('/');
    lists[familyOf(network)].addSubnet(network, Number(prefix), familyOf(network));
  }
  return { contain: (address) => lists[familyOf(address)].check(address, familyOf(address)) };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** The last 32 bits of an IPv6 address, as IPv4. */
export function embeddedIpv4(address: string): string {
  // The URL parser normalizes every address: lower-case groups of hexadecimal digits, without leading zeros.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length < 2 ? ['0', groups[0]] : groups.slice(-2);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
