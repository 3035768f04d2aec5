import type { AwsDestination } from '../../contracts/aws-destination.ts';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { MessageLabels } from '../../engine/destination/message-labels.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';

export interface CallbackRequest {
  /** The address of a destination in AWS is its own: a queue's URL or an ARN. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the whole call. @default 15 s */
  readonly timeoutMs?: number | undefined;
  /** For a caller that does not wait for a late answer in each case. @default waits until the timeout */
  readonly late?: LateAnswer | undefined;
  /** Presented to an endpoint that requests it (mutual TLS). */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Sends a message to AWS instead of a post to the URL. */
  readonly message?: { readonly destination: AwsDestination; readonly labels: MessageLabels } | undefined;
}

export interface LateAnswer {
  /** From the request on, milliseconds. */
  readonly afterMs: number;
  /** Called once if there is no answer by then. @returns False to give the answer up: the outcome is abandoned. */
  waitsOn(): Promise<boolean>;
}

/** Sends callbacks to endpoints and to AWS. Never throws because of the receiver, and never follows a redirect. */
export interface CallbackClient {
  post(request: CallbackRequest): Promise<CallbackOutcome>;
}

/** Decides whether an outbound URL may be called. */
export interface EgressPolicy {
  /** @returns Undefined when the URL may be called, otherwise the reason, worded for its owner. */
  refusalOf(url: string): Promise<string | undefined>;
}
