import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';

export interface CallbackRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the whole call. @default 15 s */
  readonly timeoutMs?: number | undefined;
  /** Shown to an endpoint that asks for it. */
  readonly clientCertificate?: ClientCertificate | undefined;
}

/** Posts callbacks. Never throws for what the receiver does, and never follows a redirect. */
export interface CallbackClient {
  post(request: CallbackRequest): Promise<CallbackOutcome>;
}

/** Decides whether an outbound URL may be called at all. */
export interface EgressPolicy {
  /** @returns Undefined when the URL may be called, otherwise why not, in words for its owner. */
  refusalOf(url: string): Promise<string | undefined>;
}
