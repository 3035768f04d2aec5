import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createSqsEnrichQueue, createSqsFailedMessages } from '../../adapters/aws/sqs-queues.ts';
import { createDynamoAccountStore } from '../../adapters/dynamo/stores/account-store.ts';
import { createDynamoFetchStore } from '../../adapters/dynamo/stores/fetch-store.ts';
import { createDynamoStatisticsWriter } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { prepareResources } from '../../engine/mapping/check-resource.ts';
import { createStatisticsBuffer } from '../../flows/statistics/statistics-buffer.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createSpans, type TracedRuntime } from '../invocation/spans.runtime.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createProviderPorts } from '../provider/provider.runtime.ts';
import { createPublishingPorts } from '../publishing/publishing.runtime.ts';
import type { EnrichRuntime } from './handler.ts';

/** A page of an API may have several megabytes, and each of its records is mapped. */
const expressionLimits = { heapMb: 384, limitMs: 10_000, suspendMs: 10_000 };

/** Environment to ports: the only place of this function that knows AWS. */
export async function createEnrichRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): Promise<EnrichRuntime & RetryRuntime & Telemetry & TracedRuntime> {
  const env = readEnvironment('enrich', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const telemetry = createTelemetry('enrich', env[environmentKeys.stage], loggingOf(env));
  const expressions = createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits });
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const candidates = createBundledIntegrationCatalog(new URL('candidates/', bundle));
  const enrichQueue = createSqsEnrichQueue(sqs, env[environmentKeys.enrichQueueUrl]);
  const schemas = await createBundledResourceCatalog(new URL('resources.json', bundle)).all();
  const spans = createSpans('enrich', env, telemetry.log);
  return {
    ...telemetry,
    ...spans,
    failedMessages: createSqsFailedMessages(sqs, env[environmentKeys.enrichQueueUrl]),
    randomness: systemRandomness,
    statistics: createStatisticsBuffer({
      statistics: createDynamoStatisticsWriter(dynamo, env[environmentKeys.statisticsTable]),
      clock: systemClock,
    }),
    // Publish counts at once: a run is long, and one that crashes would lose them.
    outcomes: {
      count(outcome, amount) {
        telemetry.outcomes.count(outcome, amount);
        telemetry.metrics.publishStoredMetrics();
      },
    },
    ports: {
      ...spans,
      ...createPublishingPorts({ env, dynamo, sqs }),
      accounts: createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock),
      definition: (name) => catalog.get(name),
      candidate: (name) => candidates.get(name),
      enrichQueue,
      fetches: createDynamoFetchStore(dynamo, env[environmentKeys.fetchesTable], systemClock),
      schemas: prepareResources(schemas),
      provider: createProviderPorts(env, dynamo, expressions, enrichQueue),
    },
  };
}
