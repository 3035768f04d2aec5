import type { OutboundCall } from '../../engine/outbound/outbound-call.ts';

export interface ProviderAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Calls providers, within the egress policy. */
export interface ProviderClient {
  /**
   * @throws {provider-unavailable} retryable, when no complete answer arrived in time; not retryable, when the URL may
   *   not be called.
   */
  call(call: OutboundCall): Promise<ProviderAnswer>;
}
