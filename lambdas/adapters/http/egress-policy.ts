import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { EngineError } from '../../contracts/engine-error.ts';
import type { EgressPolicy } from '../../ports/delivery/callback-client.ts';
import { bareHost, createOwnHosts, type OwnHosts, portOf } from './own-hosts.ts';

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

type LookupAll = (hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** A lookup with the signature of `net.connect`'s option; `port` is the dialled port, for the check of own hosts. */
export type CheckedLookup = (
  hostname: string,
  options: { readonly all?: boolean; readonly port?: string },
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** The error of a lookup when the name may not be called. The message is for the URL's owner. */
export class EgressRefusal extends Error {}

export interface EgressPolicyOptions {
  /** Non-public CIDR ranges that may be called. */
  readonly allowedRanges: readonly string[];
  /** Whether plain http may be called. */
  readonly allowHttp: boolean;
  /**
   * Origins of this deployment itself: a call there would feed the engine its own output.
   * @default - none
   */
  readonly ownOrigins?: readonly string[];
  /** @default the system's resolver */
  readonly resolve?: LookupAll;
}

/**
 * Confines outbound calls to public addresses.
 *
 * The policy checks every address that a name resolves to, and the connection goes to a checked address: the same
 * `lookup` serves the check and the dialling, so a name cannot change in between. Any port but 0 may be called: behind
 * a public address, the engine reaches nothing that others cannot reach.
 *
 * @throws {configuration-invalid} when an allowed range or an own origin is invalid.
 */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy & {
  /** For `net.connect`. Fails with an {@link EgressRefusal} when any address of the name is refused. */
  readonly lookup: CheckedLookup;
  /** Like `lookup`, for the port of a URL. */
  lookupFor(url: string): CheckedLookup;
  /** Why the URL or its address literal is refused; undefined where it is allowed. Resolves no name. */
  refusalOfUrl(url: string): string | undefined;
} {
  const mayDial = createAddressFilter(options.allowedRanges);
  const own = createOwnHosts(options.ownOrigins ?? []);
  const resolve: LookupAll =
    options.resolve ?? ((hostname, callback) => systemLookup(hostname, { all: true, verbatim: true }, callback));
  const lookup = createCheckedLookup(resolve, mayDial, own);

  function refusalOfUrl(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined) return 'it is not an absolute URL';
    if (url.protocol !== 'https:' && !(options.allowHttp && url.protocol === 'http:'))
      return `its scheme must be https, got ${url.protocol.slice(0, -1)}`;
    if (url.username !== '' || url.password !== '') return 'it must not carry a user name or password';
    if (url.port === '0') return 'its port must not be 0';
    const host = bareHost(url);
    const isAddress = isIP(host) !== 0;
    if (!isAddress && !isName(host)) return 'its host is not a name that can be resolved';
    if (own.include(host, portOf(url))) return ownRefusal(host);
    return isAddress && !mayDial(host) ? `${host} is not a public address` : undefined;
  }

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
        // A name that does not resolve now may resolve later; every call resolves and checks it again.
        lookupFor(text)(host, { all: true }, (error) =>
          settle(error instanceof EgressRefusal ? error.message : undefined),
        );
      });
    },
  };
}

/** Decides whether an address may be dialled. @throws {configuration-invalid} when an allowed range is invalid. */
function createAddressFilter(allowedRanges: readonly string[]): (address: string) => boolean {
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

function createCheckedLookup(resolve: LookupAll, mayDial: (address: string) => boolean, own: OwnHosts): CheckedLookup {
  return (hostname, lookupOptions, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => mayDial(address)))
        return callback(new EgressRefusal(`${hostname} does not resolve to public addresses only`), '');
      const { port } = lookupOptions;
      // Any name may resolve to this machine.
      if (port !== undefined && addresses.some(({ address }) => own.include(address, port)))
        return callback(new EgressRefusal(ownRefusal(hostname)), '');
      return lookupOptions.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

function ownRefusal(host: string): string {
  return `${host} leads back to this Tributary deployment, which must not call itself`;
}

/** Whether DNS can hold a name: labels of 1 to 63 characters, 253 in all, with an optional dot at the end. */
function isName(host: string): boolean {
  return host.length <= 254 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(host);
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
  const [head = '', tail] = bareHost(new URL(`http://[${address}]`)).split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length < 2 ? ['0', groups[0]] : groups.slice(-2);
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
