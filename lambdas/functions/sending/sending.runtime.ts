import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createEventBridgeOperatorNotices } from '../../adapters/aws/eventbridge-notices.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsDeliveryQueue, createSqsDrainQueue, createSqsFailedMessages } from '../../adapters/aws/sqs-queues.ts';
import { createDynamoDeliveryLog } from '../../adapters/dynamo/stores/delivery-log.ts';
import { createDynamoDeliveryStore } from '../../adapters/dynamo/stores/delivery-store.ts';
import { createDynamoEndpointStore } from '../../adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoEngineKey } from '../../adapters/dynamo/stores/engine-key.ts';
import { createDynamoEventReader, createDynamoEventWriter } from '../../adapters/dynamo/stores/event-store.ts';
import { createDynamoReplayStore } from '../../adapters/dynamo/stores/replay-store.ts';
import { createDynamoRunningWorkLog } from '../../adapters/dynamo/stores/running-work.ts';
import {
  createDynamoSubscriptionStore,
  createDynamoSubscriptionWriter,
} from '../../adapters/dynamo/stores/subscription-store.ts';
import { createDynamoTenantPolicies } from '../../adapters/dynamo/stores/tenant-store.ts';
import { createOauthTokens } from '../../adapters/http/oauth-tokens.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import type { EndpointNote } from '../../contracts/outcomes.ts';
import { defaultEndpointPolicy, newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import type { DrainPorts } from '../../flows/deliver/drain/drain-run.ts';
import { createKeptLeases } from '../../flows/deliver/kept-leases.ts';
import type { ShadowPorts } from '../../flows/deliver/shadow/send-shadows.ts';
import { createShadowHealth } from '../../flows/deliver/shadow/shadow-health.ts';
import type { ContinueReplayPorts } from '../../flows/subscriptions/continue-replay.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { createEgress } from '../invocation/egress.runtime.ts';
import { readEnvironment, readNumber } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createCallbackClient } from './callbacks.runtime.ts';
import { createPreparedSubscriptions } from './prepared-subscriptions.ts';

/**
 * Filters and transforms take microseconds. `deliver` serves many endpoints at a time: it parks a delivery whose
 * expression takes longer, and suspends its owner's expressions for a while. `drain` serves one endpoint and allows
 * more time; the short suspension keeps parallel deliveries from each taking that long.
 */
const expressionLimits = {
  deliver: { heapMb: 128, limitMs: 250, suspendMs: 60_000, allowance: { burstMs: 1_000, share: 0.2 } },
  drain: { heapMb: 128, limitMs: 1_000, suspendMs: 5_000 },
} as const;

/** What retries the failed messages of the two functions. */
export function createSendingRetries(
  name: 'deliver' | 'drain',
  variables: NodeJS.ProcessEnv,
): Pick<RetryRuntime, 'failedMessages' | 'otherQueues' | 'randomness'> {
  const failedMessagesOf = (queueUrl: string) => createSqsFailedMessages(lean(new SQSClient(clientSettings)), queueUrl);
  if (name === 'deliver') {
    const env = readEnvironment(name, variables);
    return {
      failedMessages: failedMessagesOf(env[environmentKeys.deliveryQueueUrl]),
      randomness: systemRandomness,
    };
  }
  const env = readEnvironment(name, variables);
  const shadowQueueUrl = env[environmentKeys.shadowQueueUrl];
  return {
    failedMessages: failedMessagesOf(env[environmentKeys.drainQueueUrl]),
    otherQueues: new Map([[shadowQueueUrl.split('/').at(-1) as string, failedMessagesOf(shadowQueueUrl)]]),
    randomness: systemRandomness,
  };
}

/** What callbacks say of the deployment. */
function callbackContextOf(
  env: Readonly<Record<typeof environmentKeys.publicUrl | typeof environmentKeys.traceSampleRatio, string>>,
) {
  return {
    publicUrl: env[environmentKeys.publicUrl],
    traceSampleRatio: Number(env[environmentKeys.traceSampleRatio]),
  };
}

/** Environment to ports, for the two functions that send callbacks. */
export function createSendingPorts(
  name: 'deliver' | 'drain',
  variables: NodeJS.ProcessEnv,
  bundle: URL,
  operations: OutcomeCounter<EndpointNote>,
): DrainPorts & ContinueReplayPorts & ShadowPorts {
  const env = readEnvironment(name, variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const tables = {
    events: env[environmentKeys.eventsTable],
    idempotency: env[environmentKeys.idempotencyTable],
    subscriptions: env[environmentKeys.subscriptionsTable],
    deliveries: env[environmentKeys.deliveriesTable],
  };
  const tenantPolicies = createDynamoTenantPolicies(dynamo, env[environmentKeys.tenantsTable], systemClock);
  const expiry = {
    clock: systemClock,
    retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
    policies: tenantPolicies,
  };
  const egress = createEgress(env);
  return {
    events: {
      ...createDynamoEventReader(dynamo, tables.events, systemClock),
      ...createDynamoEventWriter(dynamo, tables, expiry),
    },
    tenantPolicies,
    payloads: createS3ClaimStore(env[environmentKeys.payloadsBucket]),
    claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
    subscriptions: {
      ...createDynamoSubscriptionStore(dynamo, tables.subscriptions, systemClock),
      ...createDynamoSubscriptionWriter(dynamo, tables.subscriptions, systemRandomness),
    },
    prepare: createPreparedSubscriptions(),
    resources: createBundledResourceCatalog(new URL('resources.json', bundle)),
    expressions: createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits[name] }),
    deliveries: {
      ...createDynamoDeliveryStore(dynamo, tables.deliveries, expiry),
      ...createDynamoDeliveryLog(dynamo, tables.deliveries, systemClock),
    },
    replays: createDynamoReplayStore(dynamo, tables.deliveries, expiry),
    runningWork: createDynamoRunningWorkLog(dynamo, tables.deliveries),
    endpoints: createDynamoEndpointStore(dynamo, env[environmentKeys.limitsTable], newEndpoint),
    endpointPolicy: defaultEndpointPolicy,
    keptLeases: createKeptLeases(),
    shadowHealth: createShadowHealth(),
    deliveryQueue: createSqsDeliveryQueue(sqs, env[environmentKeys.deliveryQueueUrl]),
    drainQueue: createSqsDrainQueue(sqs, env[environmentKeys.drainQueueUrl]),
    notices: createEventBridgeOperatorNotices(),
    operations,
    callbacks: createCallbackClient(egress, dynamo, variables),
    callbackContext: callbackContextOf(env),
    tokens: createOauthTokens(egress, systemClock),
    engineKey: createDynamoEngineKey(dynamo, env[environmentKeys.limitsTable], systemRandomness),
    clock: systemClock,
    pause: systemPause,
    randomness: systemRandomness,
  };
}
