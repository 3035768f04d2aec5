import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { EngineError } from '../../contracts/engine-error.ts';
import type { EgressPolicy } from '../../ports/delivery/callback-client.ts';
import { bareHost, createOwnHosts, portOf } from './own-hosts.ts';

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
  // Azure's platform, a public address that answers inside of every virtual machine only.
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
/** An IPv4 address within an IPv6 one, which the system dials as IPv4. @see https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 */
const mappedIpv4 = '::ffff:0:0/96';
/** NAT64's prefix, which stands for public IPv4 addresses only. @see https://www.rfc-editor.org/rfc/rfc6052#section-3.1 */
const translatedIpv4 = '64:ff9b::/96';

type LookupAll = (hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** A lookup with the signature of `net.connect`'s option; `port` is what is dialled, where the engine listens on one. */
export type CheckedLookup = (
  hostname: string,
  options: { readonly all?: boolean; readonly port?: string },
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** What a lookup fails with when the name may not be called, in words for the URL's owner. */
export class EgressRefusal extends Error {}

export interface EgressPolicyOptions {
  /** CIDR ranges that may be called although they are not public. */
  readonly allowedRanges: readonly string[];
  /** Whether plain http may be called. */
  readonly allowHttp: boolean;
  /**
   * Origins by which this deployment itself is reached: a call to it would feed the engine with what it sent.
   * @default - none
   */
  readonly ownOrigins?: readonly string[];
  /** @default the system's resolver */
  readonly resolve?: LookupAll;
}

/**
 * Confines outbound calls to public addresses.
 *
 * Every address that a name resolves to is checked, and the connection is made to a checked one:
 * the same `lookup` serves the check and the dialling, so a name cannot change between the two.
 * Any port but 0 may be called: behind a public address there is nothing that others cannot reach.
 *
 * @throws {configuration-invalid} when an allowed range is none, or an own origin.
 */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy & {
  /** For the dialler. Fails with an {@link EgressRefusal} when any address of the name is refused. */
  readonly lookup: CheckedLookup;
  /** As `lookup`, for dialling the port of a URL. */
  lookupFor(url: string): CheckedLookup;
  /** Why an address literal or the URL itself is refused, without resolving a name. */
  refusalOfUrl(url: string): string | undefined;
} {
  const denied = rangesOf([...deniedIpv4, ...deniedIpv6]);
  const allowed = rangesOf(options.allowedRanges);
  const mapped = rangesOf([mappedIpv4]);
  const translated = rangesOf([translatedIpv4]);
  const own = createOwnHosts(options.ownOrigins ?? []);
  const resolve: LookupAll =
    options.resolve ?? ((hostname, callback) => systemLookup(hostname, { all: true, verbatim: true }, callback));

  function mayDial(address: string): boolean {
    // A zone (`fe80::1%eth0`) makes a list say no to every range; no public address has one.
    if (isIP(address) === 0 || address.includes('%')) return false;
    if (mapped.contain(address)) return mayDial(embeddedIpv4(address));
    if (allowed.contain(address)) return true;
    return !denied.contain(translated.contain(address) ? embeddedIpv4(address) : address);
  }

  function refusalOfUrl(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined) return 'it is not an absolute URL';
    if (url.protocol !== 'https:' && !(options.allowHttp && url.protocol === 'http:'))
      return `its scheme must be https, got ${url.protocol.slice(0, -1)}`;
    if (url.username !== '' || url.password !== '') return 'it must not carry a user name or password';
    if (url.port === '0') return 'its port must not be 0';
    const host = bareHost(url);
    const isAddress = isIP(host) !== 0;
    if (!isAddress && !isName(host)) return 'its host is no name that can be resolved';
    if (own.include(host, portOf(url))) return ownRefusal(host);
    return isAddress && !mayDial(host) ? `${host} is not a public address` : undefined;
  }

  const lookup: CheckedLookup = (hostname, lookupOptions, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => mayDial(address)))
        return callback(new EgressRefusal(`${hostname} does not resolve to public addresses only`), '');
      const { port } = lookupOptions;
      // Any name may stand for this machine.
      if (port !== undefined && addresses.some(({ address }) => own.include(address, port)))
        return callback(new EgressRefusal(ownRefusal(hostname)), '');
      return lookupOptions.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };

  function lookupFor(url: string): CheckedLookup {
    const port = portOf(new URL(url));
    return (hostname, lookupOptions, callback) => lookup(hostname, { ...lookupOptions, port }, callback);
  }

  return {
    lookup,
    lookupFor,
    refusalOfUrl,
    async refusalOf(text) {
      const refusal = refusalOfUrl(text);
      if (refusal !== undefined) return refusal;
      const host = bareHost(new URL(text));
      if (isIP(host) !== 0) return undefined;
      return new Promise((settle) => {
        // A name that does not resolve now may later; every call resolves and checks it anew.
        lookupFor(text)(host, { all: true }, (error) =>
          settle(error instanceof EgressRefusal ? error.message : undefined),
        );
      });
    },
  };
}

function ownRefusal(host: string): string {
  return `${host} leads back to this Tributary deployment, which must not call itself`;
}

/** Whether DNS can hold a name: labels of 1 to 63 characters, 253 in all, one dot at the end or none. */
function isName(host: string): boolean {
  return host.length <= 254 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(host);
}

/** Address ranges of both families; an address is judged by those of its own family only. */
function rangesOf(ranges: readonly string[]): { contain(address: string): boolean } {
  // One list by family: a list judges an IPv4 address by its IPv6 ranges too, and ::/3 would take them all.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const [network = '', prefix = '', ...rest] = range.split('/');
    const family = familyOf(network);
    // A range without a prefix must not be read as /0, which is everything.
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
  // The URL parser writes every address in one way: lower-case groups of hexadecimal digits, zeros left out.
  const [head = '', tail] = bareHost(new URL(`http://[${address}]`)).split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length < 2 ? ['0', groups[0]] : groups.slice(-2);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
