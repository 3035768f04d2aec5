import { CfnRule, Fn, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import type { TributaryConfig } from './config.ts';
import { createEngine } from './stack/create-engine.ts';

export interface TributaryStackProps {
  readonly config: TributaryConfig;
}

/** The engine of one stage in a stack of its own. An app that has stacks uses the construct `Tributary`. */
export class TributaryStack extends Stack {
  constructor(scope: Construct, id: string, { config }: TributaryStackProps) {
    super(scope, id, {
      description: `Tributary (${config.stage}): third-party APIs as one stream of signed record events`,
      terminationProtection: config.retainData,
    });
    Validations.of(this).addPlugins(new AwsSolutionsChecks(this));
    if (config.stage === 'local') this.refuseDeployment();
    createEngine(this, config);
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
