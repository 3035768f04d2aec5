import { type AwsDestination, endpointOf, placeOf } from '../../../contracts/aws-destination.ts';
import { limits } from '../../../contracts/limits.ts';
import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { CallbackClient, CallbackRequest } from '../../../ports/delivery/callback-client.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { createConfinedPost } from '../../http/confined-post.ts';
import { createEgressPolicy } from '../../http/egress-policy.ts';
import { createEndpointPools } from '../../http/endpoint-pools.ts';
import { type AssumedRolesOptions, createAssumedRoles, type RoleUse } from './assumed-roles.ts';
import { meansStaleCredentials, meansTooLarge, readAwsError, statusOf } from './aws-error.ts';
import {
  type AwsCall,
  type AwsError,
  type DestinationService,
  type DestinationType,
  notComposed,
} from './destination-type.ts';
import { eventbridgeDestination } from './eventbridge-destination.ts';
import { kinesisDestination } from './kinesis-destination.ts';
import { createPresenceCheck } from './presence-check.ts';
import { readJson } from './read-json.ts';
import { type AwsPost, createSignedPost } from './signed-post.ts';
import { sqsDestination } from './sqs-destination.ts';

export interface AwsCallbackOptions extends AssumedRolesOptions {
  /** Replace the endpoints of AWS. @default none */
  readonly endpoints?: { readonly [Service in DestinationService]?: string | undefined };
}

const types: { readonly [Type in AwsDestination['type']]: DestinationType<Extract<AwsDestination, { type: Type }>> } = {
  sqs: sqsDestination,
  eventbridge: eventbridgeDestination,
  kinesis: kinesisDestination,
};

/** Sends messages to queues, buses and streams, each with the role of its subscription. */
export function createAwsCallbackClient(
  clock: Clock,
  { endpoints = {}, ...options }: AwsCallbackOptions,
): CallbackClient {
  // Hosts are composed of checked parts, and always those of AWS: inside a VPC they may have private addresses.
  const isReplaced = [options.endpoint, ...Object.values(endpoints)].some((one) => one?.startsWith('http:') === true);
  const policy = createEgressPolicy({ mayDial: () => true, allowHttp: isReplaced });
  const post = createSignedPost(createConfinedPost(policy, createEndpointPools(policy, clock), clock), clock);
  const roles = createAssumedRoles(post, clock, options);
  const presence = createPresenceCheck(clock);

  async function send(
    request: CallbackRequest,
    { destination, labels }: NonNullable<CallbackRequest['message']>,
  ): Promise<CallbackOutcome> {
    const startedMs = clock.nowMs();
    const type: DestinationType<AwsDestination> = types[destination.type];
    const place = placeOf(destination);
    if (place === undefined) return notComposed('the destination is not an address in AWS');
    const call = type.compose(destination, { headers: request.headers, body: request.body, labels });
    if (call.kind === 'failed') return call;
    const use: RoleUse = { subscription: labels.subscription, destination, place, type };
    const role = await roles.credentialsFor(use);
    if (role.kind === 'failed') return { ...role, durationMs: clock.nowMs() - startedMs };
    const { credentials } = role;
    const perform = async ({ target, contentType, body }: AwsCall, times: Pick<AwsPost, 'timeoutMs' | 'late'>) =>
      post({
        service: type.service,
        region: place.region,
        endpoint: endpoints[type.service] ?? endpointOf(type.service, place.region),
        credentials,
        headers: { 'content-type': contentType, 'x-amz-target': target },
        body,
        ...times,
      });
    const description = type.describe?.(destination);
    if (description !== undefined) {
      const times = { timeoutMs: limits.tokenTimeoutMs };
      const absence = await presence.absenceOf(credentials, async () => perform(description, times));
      if (absence !== undefined) return refusal(absence, 400, clock.nowMs() - startedMs);
    }
    const { timeoutMs = limits.callbackTimeoutMs, late } = request;
    const answer = await perform(call, { timeoutMs, late });
    if (answer.kind === 'failed') return answer;
    const read = readJson(answer.body);
    const error = answer.status === 200 ? type.errorIn(read) : readAwsError(read);
    const { durationMs } = answer;
    if (error === undefined) return { kind: 'answered', status: 200, retryAfter: undefined, response: '', durationMs };
    if (meansStaleCredentials(error)) roles.forget(use, credentials);
    return refusal(error, answer.status, durationMs);
  }

  return {
    post: async (request) =>
      request.message === undefined ? notComposed('the callback is no message') : send(request, request.message),
  };
}

/** An error of AWS as the outcome of an attempt. @param httpStatus - Of the answer. */
function refusal(error: AwsError, httpStatus: number, durationMs: number): CallbackOutcome {
  const response = `${error.code}: ${error.message}`.slice(0, limits.callbackResponseKeptBytes);
  if (meansTooLarge(error, httpStatus)) return { ...notComposed(response), durationMs, isTooLarge: true };
  return { kind: 'answered', status: statusOf(error, httpStatus), retryAfter: undefined, response, durationMs };
}
