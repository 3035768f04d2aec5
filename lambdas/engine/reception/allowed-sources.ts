import { isIP } from 'node:net';
import { addressRanges, embeddedIpv4, mappedIpv4 } from '../outbound/address-ranges.ts';

/** Whether a request may come from an address, as the gateway saw it. */
export type SourceFilter = (address: string | undefined) => boolean;

const everywhere: SourceFilter = () => true;
const mapped = addressRanges([mappedIpv4]);

/**
 * Allow the addresses of these ranges only.
 *
 * @param ranges - In CIDR form; none allow every address. Callers that have checked them pass them unchanged.
 */
export function allowSources(ranges: readonly string[] | undefined): SourceFilter {
  if (ranges === undefined || ranges.length === 0) return everywhere;
  const allowed = addressRanges(ranges);
  return (address) => {
    // Without an address, nothing is known to be allowed.
    if (address === undefined || isIP(address) === 0 || address.includes('%')) return false;
    return allowed.contain(isIP(address) === 6 && mapped.contain(address) ? embeddedIpv4(address) : address);
  };
}
