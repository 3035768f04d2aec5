/** What the canary owns; its role may read and write no other rows. */
export const canary = {
  tenant: 'tributary-canary',
  account: 'acc_canary',
  /** Id of its API key, which no other key may have. */
  key: 'canary',
  /** All that its key may do, and only for its tenant. */
  scopes: ['accounts:write', 'events:read', 'subscriptions:write'],
  integration: 'canary',
} as const;

/** What EventBridge passes to the canary: its function URL, which the function's own environment cannot name. */
export interface CanaryRun {
  /** Ends with a slash. */
  readonly url: string;
}

/** Milliseconds from a webhook of the canary to the answer of its callback; a sample for each healthy run. */
export const canaryLatencyMetric = 'canary-latency';
