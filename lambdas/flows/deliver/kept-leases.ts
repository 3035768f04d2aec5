import { nothingUncounted, type Uncounted } from '../../engine/delivery/kept-lease.ts';
import type { EndpointKey } from '../../ports/delivery/endpoint-store.ts';

/** A lease that this function instance keeps, as the endpoint's state has it. */
export interface KeptLease {
  readonly id: string;
  readonly slots: number;
  readonly untilMs: number;
  /** The most posts that a run had for the endpoint since the lease was written. */
  readonly mostWanted: number;
  readonly uncounted: Uncounted;
}

/** The leases of one function instance. */
export interface KeptLeases {
  /** Remove an endpoint's lease, so that no other run of this instance posts in its slots meanwhile. */
  take(endpoint: EndpointKey): KeptLease | undefined;
  keep(endpoint: EndpointKey, lease: KeptLease): void;
}

/** Bounds the memory of one instance. */
const maxKept = 2_000;

export function createKeptLeases(): KeptLeases {
  const leases = new Map<string, KeptLease>();
  return {
    take({ scope, endpoint }) {
      const key = `${scope} ${endpoint}`;
      const lease = leases.get(key);
      leases.delete(key);
      return lease;
    },
    keep({ scope, endpoint }, lease) {
      leases.set(`${scope} ${endpoint}`, lease);
      const [oldest] = leases.keys();
      // Its slots come back when it expires.
      if (leases.size > maxKept && oldest !== undefined) leases.delete(oldest);
    },
  };
}

/** A lease that was just written. */
export function newlyKept(id: string, slots: number, untilMs: number, mostWanted: number): KeptLease {
  return { id, slots, untilMs, mostWanted, uncounted: nothingUncounted };
}
