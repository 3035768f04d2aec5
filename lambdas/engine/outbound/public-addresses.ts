import { BlockList, isIP } from 'node:net';
import { EngineError } from '../../contracts/engine-error.ts';

/**
 * Ranges that are not public: RFC 6890 and its registries, and what clouds put there (metadata).
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const deniedIpv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Azure's platform: a public address that answers only inside virtual machines.
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Nothing outside 2000::/3 is global unicast; inside it, these ranges are not. */
const deniedIpv6 = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
];
/** An IPv4 address within an IPv6 one, which the system dials as IPv4. @see https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 */
const mappedIpv4 = '::ffff:0:0/96';
/** NAT64's prefix, which stands for public IPv4 addresses only. @see https://www.rfc-editor.org/rfc/rfc6052#section-3.1 */
const translatedIpv4 = '64:ff9b::/96';

/**
 * Decide which addresses outbound calls may reach: public ones, and those in the allowed ranges.
 *
 * @param allowedRanges - Non-public CIDR ranges that may be called.
 * @throws {configuration-invalid} when an allowed range is invalid.
 */
export function createAddressFilter(allowedRanges: readonly string[]): (address: string) => boolean {
  const denied = rangesOf([...deniedIpv4, ...deniedIpv6]);
  const allowed = rangesOf(allowedRanges);
  const mapped = rangesOf([mappedIpv4]);
  const translated = rangesOf([translatedIpv4]);
  return function mayDial(address) {
    // With a zone (`fe80::1%eth0`), a block list matches no range; no public address has a zone.
    if (isIP(address) === 0 || address.includes('%')) return false;
    if (mapped.contain(address)) return mayDial(embeddedIpv4(address));
    if (allowed.contain(address)) return true;
    return !denied.contain(translated.contain(address) ? embeddedIpv4(address) : address);
  };
}

/** Address ranges of both families; each address is checked against the ranges of its own family. */
function rangesOf(ranges: readonly string[]): { contain(address: string): boolean } {
  // One list per family: a block list also checks an IPv4 address against IPv6 ranges, and ::/3 would match them all.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const [network = '', prefix = '', ...rest] = range.split('/');
    const family = familyOf(network);
    // Reject a range without a prefix: it must not be read as /0, which matches every address.
    if (isIP(network) === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > maxPrefix[family])
      throw new EngineError('configuration-invalid', `an allowed range must be in CIDR form, got "${range}"`, {
        retryable: false,
      });
    lists[family].addSubnet(network, Number(prefix), family);
  }
  return { contain: (address) => lists[familyOf(address)].check(address, familyOf(address)) };
}

const maxPrefix = { ipv4: 32, ipv6: 128 };

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** The last 32 bits of an IPv6 address, as IPv4. */
function embeddedIpv4(address: string): string {
  // The URL parser normalizes every address: lower-case groups of hexadecimal digits, without leading zeros.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length < 2 ? ['0', groups[0]] : groups.slice(-2);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
