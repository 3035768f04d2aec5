import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createSqsEnrichQueue, createSqsFailedMessages, createSqsPollQueue } from '../../adapters/aws/sqs-queues.ts';
import { createDynamoAccountStore } from '../../adapters/dynamo/stores/account-store.ts';
import { createDynamoRecordDirectory } from '../../adapters/dynamo/stores/record-directory.ts';
import { createDynamoStatisticsWriter } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createDynamoSyncStore } from '../../adapters/dynamo/stores/sync-store.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { prepareResources } from '../../engine/mapping/check-resource.ts';
import { createStatisticsBuffer } from '../../flows/statistics/statistics-buffer.ts';
import { readEnvironment, readNumber } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createSpans, type TracedRuntime } from '../invocation/spans.runtime.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createProviderPorts } from '../provider/provider.runtime.ts';
import { createPublishingPorts } from '../publishing/publishing.runtime.ts';
import type { PollRuntime } from './handler.ts';

/** A page of an API may have several megabytes, and each of its records is mapped. */
const expressionLimits = { heapMb: 384, limitMs: 10_000, suspendMs: 10_000 };

/** Environment to ports: the only place of this function that knows AWS. */
export async function createPollRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): Promise<PollRuntime & RetryRuntime & Telemetry & TracedRuntime> {
  const env = readEnvironment('poll', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const telemetry = createTelemetry('poll', env[environmentKeys.stage], loggingOf(env));
  const expressions = createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits });
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const candidates = createBundledIntegrationCatalog(new URL('candidates/', bundle));
  const schemas = await createBundledResourceCatalog(new URL('resources.json', bundle)).all();
  const news = createSqsEnrichQueue(sqs, env[environmentKeys.enrichQueueUrl]);
  const spans = createSpans('poll', env, telemetry.log);
  return {
    ...telemetry,
    ...spans,
    failedMessages: createSqsFailedMessages(sqs, env[environmentKeys.pollQueueUrl]),
    randomness: systemRandomness,
    statistics: createStatisticsBuffer({
      statistics: createDynamoStatisticsWriter(dynamo, env[environmentKeys.statisticsTable]),
      clock: systemClock,
    }),
    ports: {
      ...spans,
      ...createPublishingPorts({ env, dynamo, sqs }),
      accounts: createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock),
      definition: (name) => catalog.get(name),
      candidate: (name) => candidates.get(name),
      syncs: createDynamoSyncStore(dynamo, env[environmentKeys.syncsTable], systemClock),
      pollQueue: createSqsPollQueue(sqs, env[environmentKeys.pollQueueUrl]),
      provider: createProviderPorts(env, dynamo, expressions, news),
      directory: createDynamoRecordDirectory(dynamo, env[environmentKeys.recordsTable], systemClock),
      schemas: prepareResources(schemas),
      retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
    },
  };
}
