import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createS3RawArchive } from '../../adapters/aws/s3-raw-archive.ts';
import {
  createSqsDeadLetterQueue,
  createSqsEnrichQueue,
  createSqsFailedMessages,
  createSqsPollQueue,
} from '../../adapters/aws/sqs-queues.ts';
import { createExpiries } from '../../adapters/dynamo/rows/tenant-expiry.ts';
import { createDynamoRememberedContexts } from '../../adapters/dynamo/stores/account-contexts.ts';
import { createDynamoAccountStore, createDynamoArchiveKeys } from '../../adapters/dynamo/stores/account-store.ts';
import { createDynamoCanaryWriter } from '../../adapters/dynamo/stores/canary-log.ts';
import { createDynamoFetchStore } from '../../adapters/dynamo/stores/fetch-store.ts';
import { createDynamoIntegrationSettings } from '../../adapters/dynamo/stores/integration-settings.ts';
import { createDynamoRequestParking } from '../../adapters/dynamo/stores/parked-requests.ts';
import { createDynamoStatisticsWriter } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createHttpsProviderClient } from '../../adapters/http/https-provider-client.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { candidateVersion } from '../../engine/definition/candidate-version.ts';
import { contextForCalls } from '../../engine/definition/context-for-calls.ts';
import { hasWebhook } from '../../engine/definition/has-webhook.ts';
import { carriedRecordPlansOf, isRead } from '../../engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import type { WebhookDefinition } from '../../engine/definition/schema.ts';
import { type PreparedResources, prepareResources } from '../../engine/mapping/check-resource.ts';
import { prepareWebhook } from '../../engine/reception/prepare-webhook.ts';
import { readXml } from '../../engine/request/read-xml.ts';
import { createNormalizationCounter } from '../../flows/normalize/count-normalizations.ts';
import type { NormalizePorts, NormalizingIntegration } from '../../flows/normalize/normalization.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import { createEgress } from '../invocation/egress.runtime.ts';
import { type Environment, readEnvironment, readNumber } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createSpans, type TracedRuntime } from '../invocation/spans.runtime.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createPublishingPorts } from '../publishing/publishing.runtime.ts';
import type { NormalizeRuntime } from './handler.ts';

/**
 * Mapping a request of 1 MB takes some 10 MB of memory, and less than a millisecond. An account whose requests use up
 * the limit is suspended; other accounts are not.
 */
const expressionLimits = { heapMb: 256, limitMs: 1_000, suspendMs: 10_000 };

/** The process of candidates: started when the first account tries one, and smaller, for it comes beside the other. */
const candidateLimits = { heapMb: 128, limitMs: 1_000, suspendMs: 10_000 };

/** Calls that complete handshakes. The queue retries those that fail. */
const confirmationCalls = { timeoutMs: 10_000, maxAnswerBytes: 256 * 1024 };

/** What adapters are built from. */
interface Composition {
  readonly env: Environment<'normalize'>;
  readonly dynamo: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly bundle: URL;
  readonly retentionDays: number;
}

/** Environment to ports: the only place of this function that knows AWS. */
export function createNormalizeRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): NormalizeRuntime & RetryRuntime & Telemetry & TracedRuntime {
  const env = readEnvironment('normalize', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const retentionDays = readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays);
  const composition: Composition = { env, dynamo, sqs, bundle, retentionDays };
  const accounts = createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock);
  const telemetry = createTelemetry('normalize', env[environmentKeys.stage], loggingOf(env));
  const spans = createSpans('normalize', env, telemetry.log);
  const publishing = createPublishingPorts(composition);
  return {
    ...telemetry,
    ...spans,
    failedMessages: createSqsFailedMessages(sqs, env[environmentKeys.rawQueueUrl]),
    randomness: systemRandomness,
    statistics: createNormalizationCounter({
      accounts,
      statistics: createDynamoStatisticsWriter(dynamo, env[environmentKeys.statisticsTable]),
      clock: systemClock,
      pause: systemPause,
    }),
    ports: {
      ...spans,
      accounts,
      ...requestPorts(composition),
      ...archivePorts(composition),
      ...publishing,
      candidateExpressions: createExpressionProcess({
        script: new URL('expressions.mjs', bundle),
        ...candidateLimits,
      }),
      canaries: createDynamoCanaryWriter(dynamo, env[environmentKeys.statisticsTable], {
        clock: systemClock,
        expiries: createExpiries({ clock: systemClock, retentionDays, policies: publishing.tenantPolicies }),
      }),
      canaryNotes: telemetry.outcomes,
      fetches: createDynamoFetchStore(dynamo, env[environmentKeys.fetchesTable], systemClock),
      enrichQueue: createSqsEnrichQueue(sqs, env[environmentKeys.enrichQueueUrl]),
      pollQueue: createSqsPollQueue(sqs, env[environmentKeys.pollQueueUrl]),
    },
  };
}

/** What finds the account of a request, completes handshakes and maps the request. */
function requestPorts({ env, dynamo, sqs, bundle, retentionDays }: Composition) {
  return {
    integration: createNormalizingIntegrations(bundle),
    settings: createDynamoIntegrationSettings(dynamo, env[environmentKeys.integrationSettingsTable], systemClock),
    provider: createHttpsProviderClient(createEgress(env), confirmationCalls),
    contexts: createDynamoRememberedContexts(dynamo, env[environmentKeys.accountContextsTable], systemClock),
    parking: createDynamoRequestParking(dynamo, env[environmentKeys.parkedRequestsTable], {
      clock: systemClock,
      retentionDays,
    }),
    expressions: createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits }),
    rawDeadLetters: createSqsDeadLetterQueue(sqs, env[environmentKeys.rawDeadLetterQueueUrl]),
  } satisfies Partial<NormalizePorts>;
}

/** Look up integrations by name; each is prepared once per instance. */
function createNormalizingIntegrations(bundle: URL): NormalizePorts['integration'] {
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const candidates = createBundledIntegrationCatalog(new URL('candidates/', bundle));
  const schemas = createBundledResourceCatalog(new URL('resources.json', bundle));
  const prepared = new Map<string, NormalizingIntegration>();
  let resources: PreparedResources | undefined;
  return async (name) => {
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const definition = await catalog.get(name);
    if (definition === undefined || !hasWebhook(definition)) return undefined;
    resources ??= prepareResources(await schemas.all());
    const candidate = await candidates.get(name);
    const integration = {
      ...toIntegration(definition, resources),
      ...(candidate === undefined || !hasWebhook(candidate)
        ? {}
        : { candidate: { version: candidateVersion(candidate), integration: toIntegration(candidate, resources) } }),
    };
    prepared.set(name, integration);
    return integration;
  };
}

function toIntegration(definition: WebhookDefinition, resources: PreparedResources): NormalizingIntegration {
  const { routing } = definition;
  return {
    webhook: prepareWebhook(definition, readXml),
    mapping: definition.mapping,
    contextOf: (context: Account['context']) => contextForCalls(definition, context),
    records: carriedRecordPlansOf(definition),
    isRead: (resource: string) => isRead(definition, resource),
    resources,
    traitsOf: (resource: string) => recordTraitsOf(definition, resource, resources.schemas.get(resource)),
    routing:
      routing === undefined
        ? undefined
        : { lookup: routing.context_lookup_field, accountContext: routing.account_context },
  };
}

/** Raw bodies, and the archive of them. */
function archivePorts({ env, dynamo }: Composition) {
  const isLocked = env[environmentKeys.rawLocked] === 'true';
  const rawBodies = createS3ClaimStore(env[environmentKeys.rawBucket], isLocked ? { clock: systemClock } : undefined);
  return {
    rawBodies,
    archive: createS3RawArchive(rawBodies),
    archiveKeys: createDynamoArchiveKeys(dynamo, env[environmentKeys.accountsTable], systemRandomness),
  } satisfies Partial<NormalizePorts>;
}
