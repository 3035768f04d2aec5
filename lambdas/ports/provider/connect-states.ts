/** A consent that was asked for, and has not come back. */
export interface ConnectState {
  readonly account: string;
  readonly tenant: string;
  /** `createdAt` of the account. */
  readonly incarnation: string;
  readonly integration: string;
  readonly returnUrl: string;
  /** PKCE; undefined where the provider does not take it. */
  readonly verifier: string | undefined;
  /** Whether the caller may claim a routing value that no tenant has. */
  readonly mayClaim: boolean;
  readonly expiresAtMs: number;
}

export interface ConnectStates {
  put(state: string, value: ConnectState): Promise<void>;
  /** Take a state: it can be taken once. @returns Undefined for one that is unknown, used or expired. */
  take(state: string): Promise<ConnectState | undefined>;
}
