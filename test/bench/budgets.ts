/** What may be spent, of the page "Budgets" of the design. */
export const budgets = {
  /** AWS requests for one webhook event to one subscriber, in batches of 10, from ingress until it is delivered. */
  requestsPerEvent: 2.7,
  /** The same where the events of a batch are of ten tenants, in batches of 10 for normalize and for deliver. */
  requestsPerEventOfTenTenants: 6,
  /** Modelled AWS cost of a million events of 2 KB with one subscriber, in batches of 10, from list prices. */
  costPerMillionUsd: 5,
  /** A stack that nothing is sent to, in its first year. */
  idlePerMonthUsd: 7,
  /** What ingress loads before its first request, minified. */
  ingressBundleBytes: 400_000,
  /** Own CPU of one event over the whole way, without network and emulators. */
  cpuPerEventUs: 1_000,
  /** Verification and mapping of GitHub's `issues.opened` of 2 KB, beyond HMAC and JSON.parse. */
  verificationAndMappingUs: 150,
  /** From provider to subscriber through the local engine, emulators included, on two cores. */
  localEventsPerSecond: 300,
  /** What an endpoint that refuses such a share of first attempts takes, to one that refuses none: retries count. */
  refusingEndpoints: [
    { share: 0.01, atLeast: 0.9 },
    { share: 0.1, atLeast: 0.7 },
    { share: 0.33, atLeast: 0.4 },
  ],
} as const;
