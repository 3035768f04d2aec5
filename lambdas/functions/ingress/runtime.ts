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
import { createHttpsProviderClient } from '../../adapters/http/https-provider-client.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { hasWebhook } from '../../engine/definition/has-webhook.ts';
import type { WebhookDefinition } from '../../engine/definition/schema.ts';
import { type PreparedWebhook, prepareWebhook } from '../../engine/reception/prepare-webhook.ts';
import { decodesXml, type XmlReader } from '../../engine/request/decode-body.ts';
import { createRejectionCounter } from '../../flows/ingest/count-rejections.ts';
import { createPublishedKeys } from '../../flows/ingest/provider-keys.ts';
import type { ReceivePorts } from '../../flows/ingest/receive-webhook.ts';
import { createEgress } from '../invocation/egress.runtime.ts';
import { type Environment, readEnvironment, readNumber } from '../invocation/environment.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import type { IngressRuntime } from './handler.ts';

/** The provider waits for its answer meanwhile. A key that takes longer is fetched again for the next request. */
const keyCalls = { timeoutMs: 3_000, maxAnswerBytes: 256 * 1024 };

/** Load the XML library only for integrations whose requests are XML: it is a seventh of this function's code. */
async function xmlReaderFor({ webhook }: WebhookDefinition): Promise<XmlReader> {
  if (decodesXml(webhook.decode)) return (await import('../../engine/request/read-xml.ts')).readXml;
  return () => {
    throw new SyntaxError('the integration declares no XML body');
  };
}

/** What adapters are built from. */
interface Composition {
  readonly env: Environment<'ingress'>;
  readonly dynamo: DynamoDBClient;
}

/** Environment to ports: the only place of this function that knows AWS. */
export function createIngressRuntime(variables: NodeJS.ProcessEnv, bundle: URL): IngressRuntime & Telemetry {
  const env = readEnvironment('ingress', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const composition: Composition = { env, dynamo };
  const webhook = createPreparedWebhooks(bundle);
  const accounts = createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock);
  return {
    ...createTelemetry('ingress', env[environmentKeys.stage], loggingOf(env)),
    ingressUrl: env[environmentKeys.ingressUrl],
    rejections: createRejectionCounter({
      accounts,
      webhook,
      statistics: createDynamoStatisticsWriter(dynamo, env[environmentKeys.statisticsTable]),
      clock: systemClock,
      pause: systemPause,
    }),
    ports: {
      webhook,
      accounts: { ...accounts, ...createDynamoAccountWriter(dynamo, env[environmentKeys.accountsTable]) },
      contexts: createDynamoAccountContexts(dynamo, env[environmentKeys.accountContextsTable]),
      settings: createDynamoIntegrationSettings(dynamo, env[environmentKeys.integrationSettingsTable], systemClock),
      ...admissionPorts(composition),
      ...verificationPorts(composition),
      ...queuePorts(env),
      clock: systemClock,
      pause: systemPause,
      randomness: systemRandomness,
    },
  };
}

/** Look up the webhooks of integrations by name; each is prepared once per instance. */
function createPreparedWebhooks(bundle: URL): ReceivePorts['webhook'] {
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const prepared = new Map<string, PreparedWebhook>();
  return async (name) => {
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const definition = await catalog.get(name);
    if (definition === undefined || !hasWebhook(definition)) return undefined;
    const webhook = prepareWebhook(definition, await xmlReaderFor(definition));
    prepared.set(name, webhook);
    return webhook;
  };
}

/** Rate limits of accounts and tenants. */
function admissionPorts({ env, dynamo }: Composition) {
  const perMinute = (
    key: typeof environmentKeys.ingressAccountRatePerMinute | typeof environmentKeys.ingressTenantRatePerMinute,
  ) => ({ calls: readNumber(env[key], key), windowMs: 60_000 });
  return {
    callLimits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
    admission: {
      perAccount: perMinute(environmentKeys.ingressAccountRatePerMinute),
      perTenant: perMinute(environmentKeys.ingressTenantRatePerMinute),
      allowances: new Map(),
    },
  } satisfies Partial<ReceivePorts>;
}

/** What verifies a request: the engine's key, nonces, and keys that providers publish. */
function verificationPorts({ env, dynamo }: Composition) {
  return {
    engineKey: createDynamoEngineKey(dynamo, env[environmentKeys.limitsTable], systemRandomness),
    nonces: createDynamoNonceStore(dynamo, env[environmentKeys.idempotencyTable], systemClock),
    providerKeys: createPublishedKeys(
      {
        provider: createHttpsProviderClient(createEgress(env), keyCalls),
        issuers: createHttpsProviderClient(createEgress(env, { allowHttp: true }), keyCalls),
        limits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
        clock: systemClock,
      },
      rootCertificates,
    ),
  } satisfies Partial<ReceivePorts>;
}

/** Where an accepted request goes. */
function queuePorts(env: Environment<'ingress'>) {
  return {
    rawBodies: createS3ClaimStore(
      env[environmentKeys.rawBucket],
      env[environmentKeys.rawLocked] === 'true' ? { clock: systemClock } : undefined,
    ),
    rawQueue: createSqsRawQueue(lean(new SQSClient(clientSettings)), env[environmentKeys.rawQueueUrl]),
    claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
  } satisfies Partial<ReceivePorts>;
}
