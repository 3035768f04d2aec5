import { BlockList, isIP } from 'node:net';
import { EngineError } from '../../contracts/engine-error.ts';

/** The hosts of this deployment, so that no outbound call comes back to it. */
export interface OwnHosts {
  /** @param host - The host of a URL, IPv6 addresses without brackets. */
  include(host: string, port: string): boolean;
}

/** Dialling the unspecified address also reaches this machine. @see https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3 */
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('0.0.0.0', 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addAddress('::', 'ipv6');

/**
 * A public name belongs to the deployment on every port: a proxy in front may listen on several ports, and redirect or
 * rewrite each of them to the engine. On loopback many programs share an address, and the port distinguishes them:
 * there, every loopback name and address with the engine's port belongs to the engine.
 *
 * @param origins - Such as `https://hooks.example.com`.
 * @throws {configuration-invalid} when one is not an absolute URL.
 */
export function createOwnHosts(origins: readonly string[]): OwnHosts {
  const names = new Set<string>();
  const loopbackPorts = new Set<string>();
  const apiPrefixes: string[] = [];
  for (const origin of origins) {
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    if (url === undefined || url.hostname === '')
      throw new EngineError('configuration-invalid', `an own origin must be an absolute URL, got "${origin}"`, {
        retryable: false,
      });
    const host = canonicalHost(bareHost(url));
    if (isLoopback(host)) loopbackPorts.add(portOf(url));
    else names.add(host);
    const api = /^[a-z0-9]+\.execute-api\./.exec(host);
    if (api !== null) apiPrefixes.push(api[0]);
  }
  return {
    include(text, port) {
      const host = canonicalHost(text);
      if (isLoopback(host)) return loopbackPorts.has(port);
      // An API's id is unique; the rest of its host name has variants (dual stack, partitions).
      return names.has(host) || apiPrefixes.some((prefix) => host.startsWith(prefix));
    },
  };
}

/** The host of a URL, IPv6 addresses without brackets. */
export function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

/** The port of a URL, or the default port of its scheme. */
export function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'http:' ? '80' : '443';
}

/** The host without a final dot. The URL parser has already converted it to lower-case ASCII. */
function canonicalHost(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  // A block list checks an IPv4-mapped IPv6 address against its IPv4 ranges.
  if (family !== 0) return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
  return host === 'localhost' || host.endsWith('.localhost');
}
