import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import type { EgressPolicy } from '../../ports/delivery/callback-client.ts';
import { bareHost, createOwnHosts, type OwnHosts, portOf } from './own-hosts.ts';

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
  /** Decides which addresses may be called. */
  readonly mayDial: (address: string) => boolean;
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
 * @throws {configuration-invalid} when an own origin is invalid.
 */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy & {
  /** For `net.connect`. Fails with an {@link EgressRefusal} when any address of the name is refused. */
  readonly lookup: CheckedLookup;
  /** Like `lookup`, for the port of a URL. */
  lookupFor(url: string): CheckedLookup;
  /** Why the URL or its address literal is refused; undefined where it is allowed. Resolves no name. */
  refusalOfUrl(url: string): string | undefined;
} {
  const { mayDial } = options;
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
