import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { EgressPolicy } from '../../ports/callback-client.ts';

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
/** Outside of 2000::/3 nothing is global unicast; inside it, these are not. */
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
/** IPv6 ranges whose last 32 bits are an IPv4 address that is then dialled: mapped, NAT64. */
const ipv4InIpv6 = ['::ffff:0:0/96', '64:ff9b::/96'];

type LookupAll = (hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** A lookup with the signature of `net.connect`'s option. */
export type CheckedLookup = (
  hostname: string,
  options: { readonly all?: boolean },
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

export interface EgressPolicyOptions {
  /** CIDR ranges that may be called although they are not public. */
  readonly allowedRanges: readonly string[];
  /** Whether plain http may be called. */
  readonly allowHttp: boolean;
  /** @default the system's resolver */
  readonly resolve?: LookupAll;
}

/**
 * Confines outbound calls to public addresses.
 *
 * Every address that a name resolves to is checked, and the connection is made to a checked one:
 * the same `lookup` serves the check and the dialling, so a name cannot change between the two.
 */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy & {
  /** For the dialler. Fails when any address of the name is refused. */
  readonly lookup: CheckedLookup;
  /** Why an address literal or the URL itself is refused, without resolving a name. */
  refusalOfUrl(url: string): string | undefined;
} {
  // One list by family: a list judges an IPv4 address by its IPv6 ranges too, and ::/3 would take them all.
  const denied = { ipv4: blockList(deniedIpv4), ipv6: blockList(deniedIpv6) };
  const embedding = blockList(ipv4InIpv6);
  const allowed = blockList(options.allowedRanges);
  const resolve: LookupAll =
    options.resolve ?? ((hostname, callback) => systemLookup(hostname, { all: true, verbatim: true }, callback));

  function mayDial(address: string): boolean {
    // A zone (`fe80::1%eth0`) makes a list say no to every range; no public address has one.
    if (isIP(address) === 0 || address.includes('%')) return false;
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (allowed.check(address, family)) return true;
    if (family === 'ipv6' && embedding.check(address, 'ipv6')) return mayDial(embeddedIpv4(address));
    return !denied[family].check(address, family);
  }

  function refusalOfUrl(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined) return 'it is not an absolute URL';
    if (url.protocol !== 'https:' && !(options.allowHttp && url.protocol === 'http:'))
      return `its scheme must be https, got ${url.protocol.slice(0, -1)}`;
    if (url.username !== '' || url.password !== '') return 'it must not carry a user name or password';
    const host = bareHost(url);
    if (isIP(host) !== 0 && !mayDial(host)) return `${host} is not a public address`;
    return undefined;
  }

  const lookup: CheckedLookup = (hostname, lookupOptions, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const refused = addresses.find(({ address }) => !mayDial(address));
      const first = addresses[0];
      if (refused !== undefined || first === undefined)
        return callback(new Error(`${hostname} does not resolve to public addresses only`), '');
      return lookupOptions.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };

  return {
    lookup,
    refusalOfUrl,
    async refusalOf(text) {
      const refusal = refusalOfUrl(text);
      if (refusal !== undefined) return refusal;
      const host = bareHost(new URL(text));
      if (isIP(host) !== 0) return undefined;
      return new Promise((settle) => {
        lookup(host, { all: true }, (error) => {
          // A name that does not resolve now may later; every call resolves and checks it anew.
          const isUnresolved = error !== null && 'code' in error;
          settle(error === null || isUnresolved ? undefined : error.message);
        });
      });
    },
  };
}

function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix = ''] = range.split('/');
    list.addSubnet(network, Number(prefix), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** The last 32 bits of an IPv6 address, as IPv4. */
function embeddedIpv4(address: string): string {
  // The URL parser writes every address in one way: lower-case groups of hexadecimal digits, zeros left out.
  const [head = '', tail] = bareHost(new URL(`http://[${address}]`)).split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length < 2 ? ['0', groups[0]] : groups.slice(-2);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
