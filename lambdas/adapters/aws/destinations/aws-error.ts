import type { AwsError } from './destination-type.ts';

/** Read the error of an answer in AWS JSON. @see https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization */
export function readAwsError(body: unknown): AwsError {
  const { __type, code, message, Message } = (body ?? {}) as Readonly<Record<string, unknown>>;
  const type = typeof __type === 'string' ? __type : typeof code === 'string' ? code : 'UnknownError';
  const text = message ?? Message;
  return { code: bareCode(type), message: typeof text === 'string' ? text : '' };
}

/** `com.amazonaws.sqs#QueueDoesNotExist:http://…` is `QueueDoesNotExist`. */
function bareCode(type: string): string {
  return type.slice(type.indexOf('#') + 1).split(':')[0] as string;
}

/** Errors by which AWS asks for fewer calls. */
const throttling = /Throttl|ThroughputExceeded|LimitExceeded|TooManyRequests|SlowDown/i;
const refused =
  /^(AccessDenied|NotAuthorized|UnauthorizedOperation|KMSAccessDenied|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|InvalidSecurity)/i;
const absent = /DoesNotExist|NotFound|NonExistent|^QueueDeletedRecently/i;
const broken = /^(Internal|Service(Unavailable|Failure))/i;

/** Errors for credentials that are no longer valid, however long they should have been. */
const staleCredentials = /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidSecurity)/i;

export function meansStaleCredentials({ code }: AwsError): boolean {
  return staleCredentials.test(code);
}

export function meansAbsence({ code }: AwsError): boolean {
  return absent.test(code);
}

export function meansRefusal({ code }: AwsError): boolean {
  return refused.test(code);
}

/** Errors for a parameter of any kind, such as a size. */
const invalid = /^(InvalidParameterValue|InvalidArgument|Validation(Error|Exception)$)/i;
/**
 * What AWS says of a size that only it knows: the owner of a queue or a stream may set a limit. Other texts stay errors
 * that are retried.
 *
 * @see https://github.com/getmoto/moto/issues/450 (SQS)
 * @see https://github.com/awslabs/amazon-kinesis-producer/issues/680 (Kinesis)
 */
const sizes = [
  /Reason: Message must be shorter than \d+ bytes/i,
  /at 'data' failed to satisfy constraint: Member must have length less than or equal to \d+/i,
  /records? size exceeds|exceeds (the )?max(imum)? (record )?size/i,
  /Total size of the entries in the request is over the limit/i,
];

/** Whether AWS refused a message for its size, so that another attempt would end so, too. @param httpStatus - Of the answer. */
export function meansTooLarge({ code, message }: AwsError, httpStatus: number): boolean {
  return httpStatus === 413 || (invalid.test(code) && sizes.some((text) => text.test(message)));
}

/**
 * The HTTP status that says the same as an error of AWS: its services answer most errors with 400. So a refusal slows a
 * subscription down, and all others are retried, exactly as with an endpoint.
 *
 * @param httpStatus - Of the answer.
 */
export function statusOf({ code }: AwsError, httpStatus: number): number {
  if (throttling.test(code)) return 429;
  if (refused.test(code)) return 403;
  if (absent.test(code)) return 404;
  if (httpStatus >= 500 || broken.test(code)) return 503;
  return httpStatus >= 400 ? httpStatus : 400;
}
