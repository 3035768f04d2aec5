import { type AwsDestination, endpointOf, placeOf } from '../../../contracts/aws-destination.ts';
import { limits } from '../../../contracts/limits.ts';
import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { CallbackClient, CallbackRequest } from '../../../ports/delivery/callback-client.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { createConfinedPost } from '../../http/confined-post.ts';
import { createEgressPolicy } from '../../http/egress-policy.ts';
import { createEndpointPools } from '../../http/endpoint-pools.ts';
import { type AssumedRolesOptions, createAssumedRoles, type RoleUse } from './assumed-roles.ts';
import { meansStaleCredentials, readAwsError, statusOf } from './aws-error.ts';
import { type DestinationService, type DestinationType, notComposed } from './destination-type.ts';
import { eventbridgeDestination } from './eventbridge-destination.ts';
import { kinesisDestination } from './kinesis-destination.ts';
import { createSignedPost } from './signed-post.ts';
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

  async function send(
    request: CallbackRequest,
    { destination, labels }: NonNullable<CallbackRequest['message']>,
  ): Promise<CallbackOutcome> {
    const startedMs = clock.nowMs();
    const { timeoutMs = limits.callbackTimeoutMs, late } = request;
    const type: DestinationType<AwsDestination> = types[destination.type];
    const place = placeOf(destination);
    if (place === undefined) return notComposed('the destination is not an address in AWS');
    const call = type.compose(destination, { headers: request.headers, body: request.body, labels });
    if (call.kind === 'failed') return call;
    const use: RoleUse = { subscription: labels.subscription, destination, place, type };
    const role = await roles.credentialsFor(use);
    if (role.kind === 'failed') return { ...role, durationMs: clock.nowMs() - startedMs };
    const answer = await post({
      service: type.service,
      region: place.region,
      endpoint: endpoints[type.service] ?? endpointOf(type.service, place.region),
      credentials: role.credentials,
      headers: { 'content-type': call.contentType, 'x-amz-target': call.target },
      body: call.body,
      timeoutMs,
      late,
    });
    if (answer.kind === 'failed') return answer;
    const read = readJson(answer.body);
    const error = answer.status === 200 ? type.errorIn(read) : readAwsError(read);
    const { durationMs } = answer;
    if (error === undefined) return { kind: 'answered', status: 200, retryAfter: undefined, response: '', durationMs };
    if (meansStaleCredentials(error)) roles.forget(use, role.credentials);
    const response = `${error.code}: ${error.message}`.slice(0, limits.callbackResponseKeptBytes);
    return { kind: 'answered', status: statusOf(error, answer.status), retryAfter: undefined, response, durationMs };
  }

  return {
    post: async (request) =>
      request.message === undefined ? notComposed('the callback is no message') : send(request, request.message),
  };
}

/** @returns Undefined for a body that is not JSON. */
function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
