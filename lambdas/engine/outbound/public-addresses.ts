import { isIP } from 'node:net';
import { addressRanges, embeddedIpv4, mappedIpv4 } from './address-ranges.ts';

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
/** NAT64's prefix, which stands for public IPv4 addresses only. @see https://www.rfc-editor.org/rfc/rfc6052#section-3.1 */
const translatedIpv4 = '64:ff9b::/96';

/**
 * Decide which addresses outbound calls may reach: public ones, and those in the allowed ranges.
 *
 * @param allowedRanges - Non-public CIDR ranges that may be called.
 * @throws {configuration-invalid} when an allowed range is invalid.
 */
export function createAddressFilter(allowedRanges: readonly string[]): (address: string) => boolean {
  const denied = addressRanges([...deniedIpv4, ...deniedIpv6]);
  const allowed = addressRanges(allowedRanges);
  const mapped = addressRanges([mappedIpv4]);
  const translated = addressRanges([translatedIpv4]);
  return function mayDial(address) {
    // With a zone (`fe80::1%eth0`), a block list matches no range; no public address has a zone.
    if (isIP(address) === 0 || address.includes('%')) return false;
    if (mapped.contain(address)) return mayDial(embeddedIpv4(address));
    if (allowed.contain(address)) return true;
    return !denied.contain(translated.contain(address) ? embeddedIpv4(address) : address);
  };
}
