import type { AwsDestination } from '../../../contracts/aws-destination.ts';
import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { MessageLabels } from '../../../engine/destination/message-labels.ts';

export type DestinationService = 'sqs' | 'events' | 'kinesis';

/** A call of AWS, not signed yet: one that sends a message, or looks up its destination. */
export interface AwsCall {
  readonly kind: 'call';
  /** Header `X-Amz-Target`. */
  readonly target: string;
  readonly contentType: string;
  readonly body: string;
}

/** A callback as a message. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly labels: MessageLabels;
}

/** An error that AWS answered. */
export interface AwsError {
  /** Without namespace: `QueueDoesNotExist`. */
  readonly code: string;
  readonly message: string;
}

/** What one type of destination knows of its service. */
export interface DestinationType<Destination extends AwsDestination> {
  readonly service: DestinationService;
  /** The only actions that an assumed role may perform. */
  readonly actions: readonly string[];
  /** Whether the caller's own permissions must cover the key that encrypts the destination. */
  readonly usesCallersKey: boolean;
  compose(destination: Destination, message: Message): AwsCall | Extract<CallbackOutcome, { kind: 'failed' }>;
  /**
   * A call that fails with a `ResourceNotFoundException` for a destination that does not exist.
   *
   * @default - none: the service itself refuses messages for such a destination
   */
  describe?(destination: Destination): AwsCall;
  /** The error within an answer of status 200; undefined if AWS took the message. */
  errorIn(answer: unknown): AwsError | undefined;
}

/** A message that no attempt can send as it is. */
export function tooLarge(sizeBytes: number, mostBytes: number, what: string): ReturnType<typeof notComposed> {
  return {
    ...notComposed(`the message has ${sizeBytes} bytes, and ${what} takes at most ${mostBytes}`),
    isTooLarge: true,
  };
}

export function notComposed(error: string): Extract<CallbackOutcome, { kind: 'failed' }> {
  return { kind: 'failed', error, durationMs: 0, isOwn: true };
}
