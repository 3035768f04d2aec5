/** Counts of one integration's requests by outcome. */
export interface IntegrationStatistics {
  readonly integration: string;
  /** Accepted requests. */
  readonly verified: number;
  readonly rejected: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  /** Outcomes of accepted requests, and of handshakes that a call of the engine completes. */
  readonly mapped: number;
  readonly ignored: number;
  readonly confirmed: number;
  readonly unrouted: number;
  readonly deadLettered: number;
  /** Outcomes of the requests' events. */
  readonly published: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly unchanged: number;
  readonly enriching: number;
  readonly coalesced: number;
  readonly schemaDrift: number;
  /** Changes that only a comparison of all records found, by cause. */
  readonly drift: Readonly<Record<string, number>>;
}

interface Counted {
  readonly integration: string;
  readonly counts: Readonly<Partial<Record<string, number>>>;
}

const rejectedPrefix = 'rejected:';
const driftPrefix = 'drift:';

/** Sum up hourly counts: one entry per integration, sorted by name. */
export function integrationStatistics(hours: readonly Counted[]): readonly IntegrationStatistics[] {
  const byIntegration = Map.groupBy(hours, ({ integration }) => integration);
  return [...byIntegration.keys()].sort().map((integration) => {
    const sums = new Map<string, number>();
    for (const { counts } of byIntegration.get(integration) ?? [])
      for (const [name, count = 0] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
    const sumOf = (name: string) => sums.get(name) ?? 0;
    const after = (prefix: string) =>
      [...sums]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, count]) => [name.slice(prefix.length), count] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1));
    const rejected = after(rejectedPrefix);
    return {
      integration,
      verified: sumOf('verified'),
      rejected: {
        total: rejected.reduce((total, [, count]) => total + count, 0),
        byReason: Object.fromEntries(rejected),
      },
      mapped: sumOf('mapped'),
      ignored: sumOf('ignored'),
      confirmed: sumOf('confirmed'),
      unrouted: sumOf('unrouted'),
      deadLettered: sumOf('dead-lettered'),
      published: sumOf('published'),
      duplicate: sumOf('duplicate'),
      stale: sumOf('stale'),
      unchanged: sumOf('unchanged'),
      enriching: sumOf('enriching'),
      coalesced: sumOf('coalesced'),
      schemaDrift: sumOf('schema-drift'),
      drift: Object.fromEntries(after(driftPrefix)),
    };
  });
}
