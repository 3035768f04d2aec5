/** Limits from the page "Budgets" of the design. */
export const budgets = {
  /** AWS requests for one webhook event to one subscriber, in batches of 10, from ingress until it is delivered. */
  requestsPerEvent: 2.7,
  /** One event, alone, to one subscriber, and to ten fast ones. */
  requestsOfOneEvent: 9,
  requestsToTenEndpoints: 12,
  /** The same if the events of a batch belong to ten tenants, in batches of 10 for normalize and for deliver. */
  requestsPerEventOfTenTenants: 6,
  /** Modelled AWS cost of a million events of 2 KB with one subscriber, in batches of 10, from list prices. */
  costPerMillionUsd: 5,
  /** The same with the setting `economy`, from 100 events a second. */
  economyPerMillionUsd: 3.5,
  /** A stack without traffic, in its first year. */
  idlePerMonthUsd: 7,
  /** Minified code that ingress loads before its first request. */
  ingressBundleBytes: 400_000,
  /** Own CPU of one event on its whole path, without network and emulators. */
  cpuPerEventUs: 1_000,
  /** Verification and mapping of GitHub's `issues.opened` of 2 KB, beyond HMAC and JSON.parse. */
  verificationAndMappingUs: 150,
  /** From provider to subscriber through the local engine, emulators included, on two cores. */
  localEventsPerSecond: 300,
  /** Calls for 10,000 thin events on as many records, where a call reads 100. */
  callsForThinEvents: 100,
  /** Calls of a sync for each of its resources, where nothing has changed. */
  callsWhenNothingChanged: 1,
  /**
   * Throughput of an endpoint that refuses this share of first attempts, relative to one that refuses none. Retries
   * count.
   */
  refusingEndpoints: [
    { share: 0.01, atLeast: 0.9 },
    { share: 0.1, atLeast: 0.7 },
    { share: 0.33, atLeast: 0.4 },
  ],
} as const;
