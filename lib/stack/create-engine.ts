import { RemovalPolicy, Tags } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { TributaryConfig } from '../config.ts';
import type { FunctionVpc } from '../constructs/engine-function.ts';
import { OperatorAlarms } from '../constructs/operator-alarms.ts';
import { pathsLeftOut, upgradeFaults } from '../releases/upgrade-faults.ts';
import { createApi } from './api.ts';
import { createCanary } from './canary.ts';
import { addCapacityAlarms } from './capacity-alarms.ts';
import { createConsole } from './console.ts';
import { createDashboard } from './dashboard.ts';
import { createDeliver } from './deliver.ts';
import { createDispatch } from './dispatch.ts';
import { EngineBuilder } from './engine-builder.ts';
import { createEnrich, createEnrichQueue } from './enrich.ts';
import { createGovern } from './govern.ts';
import { createHttpApis } from './http-apis.ts';
import { createIngest } from './ingest.ts';
import { createOutputs } from './outputs.ts';
import { createPoll, createPollQueue } from './poll.ts';
import { addRecursionAlarm } from './recursion-alarm.ts';
import { settingsEnvironment } from './settings-environment.ts';
import { createStorage } from './storage.ts';

/** What an app has already, and the engine uses instead of its own. */
export interface GivenParts {
  /** @default - the subnets and security groups of the settings */
  readonly vpc?: FunctionVpc | undefined;
  /** @default - a topic of its own, encrypted */
  readonly alarmTopic?: ITopic | undefined;
  /** @default - an HTTP API of its own */
  readonly httpApi?: HttpApi | undefined;
  /** Folder of further definitions. @default - the shipped ones alone */
  readonly integrations?: string | undefined;
}

/** What an app may need of the engine. */
export interface Engine {
  /** Origin of the API, the feed and the console, without a trailing slash. */
  readonly url: string;
  readonly alarmTopic: ITopic;
}

/**
 * Create the engine of one stage directly in this scope. Construct ids are contract: changing an id replaces its
 * resource.
 */
export function createEngine(scope: Construct, config: TributaryConfig, given: GivenParts = {}): Engine {
  // A first deployment that fails leaves nothing of it but tables, which are protected from deletion and cost nothing.
  const removalPolicy = config.retainData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
  const alarms = new OperatorAlarms(scope, 'Alarms', {
    email: config.alarmEmail,
    topic: given.alarmTopic,
    runbookUrl: config.runbookUrl,
    isRelaxed: config.stage === 'dev',
    removalPolicy,
  });
  const builder = new EngineBuilder(scope, {
    config,
    alarms,
    removalPolicy,
    vpc: given.vpc,
    integrations: given.integrations,
  });
  const httpApis = createHttpApis(builder, given.httpApi);
  const { httpApi, webhookApis, publicUrl } = httpApis;
  builder.setEnvironment(settingsEnvironment(config, httpApis));

  const storage = createStorage(builder);
  const deliver = createDeliver(builder, storage);
  const enrichQueue = createEnrichQueue(builder);
  const pollQueue = createPollQueue(builder);
  const ingest = createIngest(builder, storage, { deliver, enrichQueue, pollQueue, webhookApis });
  createEnrich(builder, storage, deliver, enrichQueue);
  createPoll(builder, storage, { deliver, enrichQueue, pollQueue });
  const govern = createGovern(builder, storage, ingest);
  createDispatch(builder, storage, { deliver, govern, enrichQueue, pollQueue });
  createApi(builder, storage, { ingest, deliver, govern, enrichQueue, pollQueue, httpApi, webhookApis });
  createConsole(builder, storage, httpApi);
  createCanary(builder, storage);
  addRecursionAlarm(builder, ingest.normalize);
  addCapacityAlarms(builder, storage);
  createDashboard(builder, { httpApi, storage });
  createOutputs(builder, storage, httpApis);
  for (const [name, value] of Object.entries({ ...config.tags, 'tributary:stage': config.stage }))
    Tags.of(scope).add(name, value);
  refuseLoss(scope, config, given);
  return { url: publicUrl, alarmTopic: alarms.topic };
}

/** Fail the synthesis of a version that cannot take over from the deployed one in one update. */
function refuseLoss(scope: Construct, config: TributaryConfig, given: GivenParts): void {
  // Nothing of the stage local outlives its process.
  if (config.stage === 'local') return;
  const absent = pathsLeftOut(config, given);
  scope.node.addValidation({ validate: () => upgradeFaults(scope, config.upgradeFrom, absent) });
}
