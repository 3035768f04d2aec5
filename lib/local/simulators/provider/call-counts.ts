/** What the simulated provider has measured. */
export interface ProviderStats {
  /** Requests by call, by `token`, `authorize`, and `unknown` for those that no call declares. */
  readonly calls: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<number, number>>;
  /** The most requests at the same time. */
  readonly mostAtOnce: number;
  /** 429 answers, by the limit that was used up. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Of each request in milliseconds, by call, in the order of their ends. */
  readonly latenciesMs: Readonly<Record<string, readonly number[]>>;
  /** Faults that came, by `error`, `timeout` and the like, and by the names of `--faults`. */
  readonly faults: Readonly<Record<string, number>>;
  /** Records and rows that were answered, by call. */
  readonly rows: Readonly<Record<string, number>>;
  /** 304 answers. */
  readonly unchanged: number;
  readonly tokens: {
    readonly issued: number;
    readonly refreshes: number;
    /** Refresh tokens that were used a second time. */
    readonly reuses: number;
    readonly revokedFamilies: number;
  };
  readonly webhooks: WebhookCounts;
}

export interface WebhookCounts {
  readonly sent: number;
  /** Sent a second time. */
  readonly doubled: number;
  /** Sent late. */
  readonly late: number;
  /** Not sent, on purpose. */
  readonly lost: number;
  /** Answered with another status than 2xx, or not at all. */
  readonly refused: number;
  /** Changes of resources for which there is no sample. */
  readonly unsent: number;
}

/** Counts requests while they are answered. */
export interface CallCounts {
  /** @returns Ends the request; called with its status, or undefined where it had no answer. */
  begin(): (name: string, status: number | undefined) => void;
  /** Count a call. @returns Its place among those of its name, from 1. */
  countCall(name: string): number;
  countRefusal(limit: string): void;
  countFault(kind: string): void;
  countRows(name: string, rows: number): void;
  countUnchanged(): void;
  read(): Omit<ProviderStats, 'tokens' | 'webhooks'>;
}

export function createCallCounts(): CallCounts {
  const calls = new Map<string, number>();
  const statuses = new Map<number, number>();
  const refusals = new Map<string, number>();
  const faults = new Map<string, number>();
  const rowsByCall = new Map<string, number>();
  let unchanged = 0;
  const latencies = new Map<string, number[]>();
  let atOnce = 0;
  let mostAtOnce = 0;
  const add = <Key>(counts: Map<Key, number>, key: Key, more = 1): number => {
    const next = (counts.get(key) ?? 0) + more;
    counts.set(key, next);
    return next;
  };
  return {
    begin() {
      const startedMs = performance.now();
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      return (name, status) => {
        atOnce -= 1;
        if (status !== undefined) add(statuses, status);
        const list = latencies.get(name) ?? [];
        list.push(performance.now() - startedMs);
        latencies.set(name, list);
      };
    },
    countCall: (name) => add(calls, name),
    countRefusal: (limit) => void add(refusals, limit),
    countFault: (kind) => void add(faults, kind),
    countRows: (name, rows) => void add(rowsByCall, name, rows),
    countUnchanged: () => void (unchanged += 1),
    read: () => ({
      calls: Object.fromEntries(calls),
      statuses: Object.fromEntries(statuses),
      mostAtOnce,
      refusals: Object.fromEntries(refusals),
      latenciesMs: Object.fromEntries([...latencies].map(([name, list]) => [name, [...list]])),
      faults: Object.fromEntries(faults),
      rows: Object.fromEntries(rowsByCall),
      unchanged,
    }),
  };
}
