import { rootCertificates } from 'node:tls';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsRawQueue } from '../../adapters/aws/sqs-queues.ts';
import { createDynamoAccountContexts } from '../../adapters/dynamo/stores/account-contexts.ts';
import { createDynamoAccountStore, createDynamoAccountWriter } from '../../adapters/dynamo/stores/account-store.ts';
import { createDynamoCallLimits } from '../../adapters/dynamo/stores/call-limits.ts';
import { createDynamoEngineKey } from '../../adapters/dynamo/stores/engine-key.ts';
import { createDynamoIntegrationSettings } from '../../adapters/dynamo/stores/integration-settings.ts';
import { createDynamoNonceStore } from '../../adapters/dynamo/stores/nonce-store.ts';
import { createDynamoStatisticsWriter } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createEgressPolicy } from '../../adapters/http/egress-policy.ts';
import { createHttpsProviderClient } from '../../adapters/http/https-provider-client.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { type PreparedWebhook, prepareWebhook } from '../../engine/reception/prepare-webhook.ts';
import { decodesXml, type XmlReader } from '../../engine/request/decode-body.ts';
import { createRejectionCounter } from '../../flows/ingest/count-rejections.ts';
import { createPublishedKeys } from '../../flows/ingest/provider-keys.ts';
import { egressOptions, readEnvironment, readNumber } from '../invocation/environment.ts';
import { createTelemetry, type Telemetry } from '../invocation/telemetry.ts';
import type { IngressRuntime } from './handler.ts';

/** A provider waits for its answer meanwhile: a key that takes longer is asked for again with its next request. */
const keyCalls = { timeoutMs: 3_000, maxAnswerBytes: 256 * 1024 };

/** The library that reads XML is a seventh of what this function would load: it is for those whose requests are XML. */
async function xmlReaderFor({ webhook }: Definition): Promise<XmlReader> {
  if (decodesXml(webhook.decode)) return (await import('../../engine/request/read-xml.ts')).readXml;
  return () => {
    throw new SyntaxError('XML is not read for an integration that decodes none');
  };
}

/** Environment to ports: the only place of this function that knows AWS. */
export function createIngressRuntime(variables: NodeJS.ProcessEnv, bundle: URL): IngressRuntime & Telemetry {
  const env = readEnvironment('ingress', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const prepared = new Map<string, PreparedWebhook>();
  const perMinute = (
    key: typeof environmentKeys.ingressAccountRatePerMinute | typeof environmentKeys.ingressTenantRatePerMinute,
  ) => ({
    calls: readNumber(env[key], key),
    windowMs: 60_000,
  });
  const accounts = createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock);
  const webhook = async (name: string): Promise<PreparedWebhook | undefined> => {
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const definition = await catalog.get(name);
    if (definition === undefined) return undefined;
    const webhook = prepareWebhook(definition, await xmlReaderFor(definition));
    prepared.set(name, webhook);
    return webhook;
  };
  return {
    ...createTelemetry('ingress', env[environmentKeys.stage]),
    publicUrl: env[environmentKeys.publicUrl],
    rejections: createRejectionCounter({
      accounts,
      webhook,
      statistics: createDynamoStatisticsWriter(dynamo, env[environmentKeys.statisticsTable]),
      clock: systemClock,
      pause: systemPause,
    }),
    ports: {
      accounts: { ...accounts, ...createDynamoAccountWriter(dynamo, env[environmentKeys.accountsTable]) },
      contexts: createDynamoAccountContexts(dynamo, env[environmentKeys.accountContextsTable]),
      engineKey: createDynamoEngineKey(dynamo, env[environmentKeys.limitsTable], systemRandomness),
      callLimits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
      admission: {
        perAccount: perMinute(environmentKeys.ingressAccountRatePerMinute),
        perTenant: perMinute(environmentKeys.ingressTenantRatePerMinute),
        allowances: new Map(),
      },
      nonces: createDynamoNonceStore(dynamo, env[environmentKeys.idempotencyTable], systemClock),
      providerKeys: createPublishedKeys(
        {
          provider: createHttpsProviderClient(createEgressPolicy(egressOptions(env)), keyCalls),
          issuers: createHttpsProviderClient(createEgressPolicy({ ...egressOptions(env), allowHttp: true }), keyCalls),
          limits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
          clock: systemClock,
        },
        rootCertificates,
      ),
      settings: createDynamoIntegrationSettings(dynamo, env[environmentKeys.integrationSettingsTable], systemClock),
      webhook,
      rawBodies: createS3ClaimStore(
        env[environmentKeys.rawBucket],
        env[environmentKeys.rawLocked] === 'true' ? { clock: systemClock } : undefined,
      ),
      rawQueue: createSqsRawQueue(lean(new SQSClient(clientSettings)), env[environmentKeys.rawQueueUrl]),
      clock: systemClock,
      pause: systemPause,
      randomness: systemRandomness,
      claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
    },
  };
}
