import { CfnRule, Fn, RemovalPolicy, Stack, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import type { TributaryConfig } from './config.ts';
import { OperatorAlarms } from './constructs/operator-alarms.ts';
import { createApi } from './stack/api.ts';
import { createCanary } from './stack/canary.ts';
import { addCapacityAlarms } from './stack/capacity-alarms.ts';
import { createConsole } from './stack/console.ts';
import { createDashboard } from './stack/dashboard.ts';
import { createDeliver } from './stack/deliver.ts';
import { createDispatch } from './stack/dispatch.ts';
import { EngineBuilder } from './stack/engine-builder.ts';
import { createEnrich, createEnrichQueue } from './stack/enrich.ts';
import { createGovern } from './stack/govern.ts';
import { createHttpApis } from './stack/http-apis.ts';
import { createIngest } from './stack/ingest.ts';
import { createOutputs } from './stack/outputs.ts';
import { createPoll, createPollQueue } from './stack/poll.ts';
import { addRecursionAlarm } from './stack/recursion-alarm.ts';
import { settingsEnvironment } from './stack/settings-environment.ts';
import { createStorage } from './stack/storage.ts';

export interface TributaryStackProps {
  readonly config: TributaryConfig;
}

/** The engine of one stage. Construct ids are contract: changing an id replaces its resource. */
export class TributaryStack extends Stack {
  constructor(scope: Construct, id: string, { config }: TributaryStackProps) {
    super(scope, id, {
      description: `Tributary (${config.stage}): third-party APIs as one stream of signed record events`,
      terminationProtection: config.retainData,
    });
    Validations.of(this).addPlugins(new AwsSolutionsChecks(this));
    // A first deployment that fails leaves nothing of it but tables, which are protected from deletion and cost nothing.
    const removalPolicy = config.retainData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    if (config.stage === 'local') this.refuseDeployment();
    const alarms = new OperatorAlarms(this, 'Alarms', {
      email: config.alarmEmail,
      runbookUrl: config.runbookUrl,
      isRelaxed: config.stage === 'dev',
      removalPolicy,
    });
    const builder = new EngineBuilder(this, { config, alarms, removalPolicy });
    const httpApis = createHttpApis(builder);
    const { httpApi, webhookApis } = httpApis;
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
    createApi(builder, storage, { ingest, deliver, govern, enrichQueue, pollQueue, httpApi });
    createConsole(builder, storage, httpApi);
    createCanary(builder, storage);
    addRecursionAlarm(builder, ingest.normalize);
    addCapacityAlarms(builder, storage);
    createDashboard(builder, { httpApi, storage });
    createOutputs(builder, storage, httpApis);
    for (const [name, value] of Object.entries({ ...config.tags, 'tributary:stage': config.stage }))
      Tags.of(this).add(name, value);
  }

  private refuseDeployment(): void {
    new CfnRule(this, 'OneMachineOnly', {
      assertions: [
        {
          assert: Fn.conditionEquals('local', 'a stage that is deployed'),
          assertDescription: 'The stage local takes plain http and calls loopback: it runs on one machine only.',
        },
      ],
    });
  }
}
