import { readFileSync } from 'node:fs';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { type ISecurityGroup, type IVpc, SecurityGroup, type SubnetSelection, SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { ConfigurationError, type DeployedStage, readSettings, type TributarySettings } from './config.ts';
import type { FunctionVpc } from './constructs/engine-function.ts';
import { givenApiFaults } from './settings/domain-settings.ts';
import { createEngine } from './stack/create-engine.ts';

/** CDK's feature flags with which the engine is tested. */
const featureFlags: Readonly<Record<string, unknown>> = (
  JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')) as { context: Record<string, unknown> }
).context;

export interface TributaryProps {
  /** Its defaults; in `prod` all data outlives the stack, and new versions take over gradually. */
  readonly stage: DeployedStage;
  /**
   * Settings over the defaults of the stage, by the names of docs/reference/configuration.md.
   * @default - the defaults of the stage
   */
  readonly settings?: TributarySettings;
  /**
   * Network of the functions that call out. Its subnets need a route to the internet.
   * @default - `vpcSubnetIds` and `vpcSecurityGroupIds` of the settings; no VPC without them
   */
  readonly vpc?: IVpc;
  /** @default - the private subnets of `vpc` with egress */
  readonly vpcSubnets?: SubnetSelection;
  /**
   * They must allow egress to port 443 and to the ports of callbacks.
   * @default - one that allows all egress and no ingress
   */
  readonly securityGroups?: readonly ISecurityGroup[];
  /**
   * Topic of the alarms. CloudWatch must be allowed to publish to it, and to use its key if it is encrypted.
   * @default - a topic of its own, encrypted
   */
  readonly alarmTopic?: ITopic;
  /**
   * HTTP API that gets the routes of the engine: `/in`, `/v1`, `/connect`, `/console` and `/healthz`. It needs its
   * default stage, whose throttles and access logs remain yours: do not log query strings or headers, which carry
   * secrets. So does its own endpoint: `executeApiEndpoint` stays open, and `ipAddressType` applies to domain names.
   * @default - an HTTP API of its own
   */
  readonly httpApi?: HttpApi;
  /**
   * Folder of your own definitions, `<name>/integration.yaml`; one of a shipped name replaces that.
   * @default - the shipped definitions alone
   */
  readonly integrations?: string;
}

/**
 * The engine, inside a stack of your app.
 *
 * @example new Tributary(this, 'Tributary', { stage: 'prod', settings: { retentionDays: 60 }, vpc, alarmTopic });
 * @throws {ConfigurationError} with every fault of the settings.
 */
export class Tributary extends Construct {
  /** Origin of webhook URLs, the API, the feed and the console, without a trailing slash. */
  readonly url: string;
  readonly alarmTopic: ITopic;

  constructor(scope: Construct, id: string, props: TributaryProps) {
    super(scope, id);
    // Behave as tested, whatever flags the app has.
    for (const [flag, value] of Object.entries(featureFlags)) this.node.setContext(flag, value);
    const config = readSettings(props.stage, props.settings ?? {});
    const faults = props.httpApi === undefined ? [] : givenApiFaults(config);
    if (faults.length > 0) throw new ConfigurationError(faults);
    const vpc = props.vpc === undefined ? undefined : this.placeIn(props.vpc, props);
    const { alarmTopic, httpApi, integrations } = props;
    const engine = createEngine(this, config, { vpc, alarmTopic, httpApi, integrations });
    this.url = engine.url;
    this.alarmTopic = engine.alarmTopic;
  }

  private placeIn(vpc: IVpc, { vpcSubnets, securityGroups }: TributaryProps): FunctionVpc {
    const subnets = vpc.selectSubnets(vpcSubnets ?? { subnetType: SubnetType.PRIVATE_WITH_EGRESS });
    const groups = securityGroups ?? [
      new SecurityGroup(this, 'Egress', { vpc, description: 'Tributary: calls of providers and endpoints' }),
    ];
    return {
      subnetIds: subnets.subnetIds,
      securityGroupIds: groups.map(({ securityGroupId }) => securityGroupId),
      routes: [subnets.internetConnectivityEstablished],
    };
  }
}
