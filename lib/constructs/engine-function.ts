import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { Alarm, IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import {
  Effect,
  type IGrantable,
  type IPrincipal,
  Policy,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  Architecture,
  type CfnFunction,
  Code,
  type IFunction,
  type IVersion,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct, type IDependable } from 'constructs';
import { type FunctionName, functionEnvironments } from '../../lambdas/contracts/environment.ts';
import type { FunctionBundle } from './function-bundle.ts';
import { failedRecordsAlarm, type GradualDeployments } from './gradual-deployments.ts';
import type { OperatorAlarms } from './operator-alarms.ts';

/** Exactly the keys that the function reads. */
export type FunctionEnvironment<Name extends FunctionName> = Readonly<
  Record<(typeof functionEnvironments)[Name][number], string>
>;

/** Where a function runs, given by ids: to look up their VPC, synthesis would need an account. */
export interface FunctionVpc {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /**
   * What makes the routes out of the subnets: a function may call out as soon as it exists.
   * @default - none: the subnets exist with their routes
   */
  readonly routes?: readonly IDependable[];
}

export interface EngineFunctionProps<Name extends FunctionName> {
  /** The function's name in the environment contract and the runbook. */
  readonly name: Name;
  readonly bundle: FunctionBundle;
  readonly environment: FunctionEnvironment<Name>;
  readonly timeout: Duration;
  /** Mebibytes; CPU is proportional, one whole core at 1769. */
  readonly memorySizeMb: number;
  /**
   * Concurrent invocations that are reserved for the function, and its maximum.
   * @default - none: the function shares the account's concurrency
   */
  readonly reservedConcurrency?: number | undefined;
  /**
   * Whether the function sends messages to the queue that invokes it. Lambda stops any other function at the 17th
   * invocation by one chain of messages.
   * @default false
   * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
   */
  readonly requeuesItself?: boolean;
  /**
   * Ids of the subnets and security groups that the function runs in.
   * @default - none: the function runs in no VPC
   */
  readonly vpc?: FunctionVpc | undefined;
  /**
   * Whether AWS X-Ray traces the function.
   * @default false
   */
  readonly isTraced?: boolean;
  readonly logRetention: RetentionDays;
  /**
   * Shifts the function to a new version gradually.
   * @default - at once
   */
  readonly deployments?: GradualDeployments | undefined;
  readonly alarms: OperatorAlarms;
  /** What raises an alarm. @default - errors */
  readonly watched?: readonly ('errors' | 'throttles')[];
  readonly removalPolicy: RemovalPolicy;
}

/** One function of the engine, with its own role and log group, and alarms. */
export class EngineFunction<Name extends FunctionName = FunctionName> extends Construct implements IGrantable {
  readonly lambda: LambdaFunction;
  readonly logGroup: LogGroup;
  /** What invokes the function must invoke this alias: it names the version that is deployed. */
  readonly live: IFunction;
  readonly grantPrincipal: IPrincipal;
  /** Undefined where its errors raise no alarm. */
  readonly errorsAlarm: Alarm | undefined;
  private readonly deploymentGroup: LambdaDeploymentGroup | undefined;
  private endsOnFailedRecords = false;

  constructor(scope: Construct, id: string, props: EngineFunctionProps<Name>) {
    super(scope, id);
    const { name, removalPolicy } = props;
    assertEnvironment(name, props.environment);

    this.logGroup = new LogGroup(this, 'Logs', { retention: props.logRetention, removalPolicy });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `Tributary: what ${name} may do`,
    });
    this.grantPrincipal = role;
    this.logGroup.grantWrite(role);

    this.lambda = new LambdaFunction(this, 'Function', {
      description: `Tributary: ${name}`,
      code: Code.fromAsset(props.bundle.directory),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: props.timeout,
      memorySize: props.memorySizeMb,
      ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
      recursiveLoop: props.requeuesItself === true ? RecursiveLoop.ALLOW : RecursiveLoop.TERMINATE,
      role,
      logGroup: this.logGroup,
      ...(props.isTraced === true ? { tracing: Tracing.ACTIVE } : {}),
      loggingFormat: LoggingFormat.JSON,
      // CloudFormation deletes the version before only after an update has succeeded: a rollback still has it.
      currentVersionOptions: { removalPolicy: RemovalPolicy.DESTROY },
      // Lambda's lines about successful invocations repeat its metrics, and cost more than the engine's lines.
      systemLogLevelV2: SystemLogLevel.WARN,
      environment: { NODE_OPTIONS: '--enable-source-maps', ...props.environment },
    });

    if (props.isTraced === true) acknowledgeTracing(role);
    if (props.vpc !== undefined) placeInVpc(this.lambda, role, props.vpc);

    // Casts, because the types of aws-cdk-lib disagree under exactOptionalPropertyTypes.
    const live = new Alias(this, 'Live', { aliasName: 'live', version: this.lambda.currentVersion as IVersion });
    this.live = live as IFunction;
    this.deploymentGroup = props.deployments?.of(this, live);

    this.errorsAlarm = this.watch(props);
  }

  /** @returns The alarm on its errors, if there is one. */
  private watch({
    name,
    alarms,
    watched = ['errors'],
  }: Pick<EngineFunctionProps<FunctionName>, 'name' | 'alarms' | 'watched'>): Alarm | undefined {
    const period = Duration.minutes(5);
    const console = `lambda/home?region=${Stack.of(this).region}#/functions/${this.lambda.functionName}?tab=monitoring`;
    if (watched.includes('throttles'))
      alarms.add(this, 'ThrottlesAlarm', {
        meaning: `${name} was throttled: neither the account nor its own reservation has concurrency left for it.`,
        runbookEntry: `${name}-throttles`,
        console,
        metric: this.lambda.metricThrottles({ period }),
        threshold: 1,
        relaxedThreshold: 10,
        periods: 2,
      });
    if (!watched.includes('errors')) return undefined;
    return alarms.add(this, 'ErrorsAlarm', {
      meaning: `${name} failed repeatedly in five minutes: invocations that threw or ran out of time.`,
      runbookEntry: `${name}-errors`,
      console,
      metric: this.lambda.metricErrors({ period }),
      threshold: 5,
      relaxedThreshold: 20,
    });
  }

  /** End a gradual deployment of the function when this alarm fires. */
  endDeploymentsOn(alarm: IAlarm): void {
    this.deploymentGroup?.addAlarm(alarm);
  }

  /** End a gradual deployment of the function when it hands too many messages back to its queue. */
  endDeploymentsOnFailedRecords(): void {
    // A function may have several queues, and has one log.
    if (this.deploymentGroup === undefined || this.endsOnFailedRecords) return;
    this.endsOnFailedRecords = true;
    this.deploymentGroup.addAlarm(failedRecordsAlarm(this, this.logGroup));
  }
}

/** X-Ray's permissions, which the CDK adds to the role, know no resources. */
function acknowledgeTracing(role: Role): void {
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason: 'xray:PutTraceSegments and xray:PutTelemetryRecords name no resource: X-Ray has none to name.',
  });
}

/**
 * Run a function in subnets given by id only: to look up their VPC, synthesis would need an account.
 *
 * The policy is AWSLambdaVPCAccessExecutionRole without its log permissions, and only for the Lambda service: it denies
 * EC2 requests of the function's code.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
function placeInVpc(lambda: LambdaFunction, role: Role, vpc: FunctionVpc): void {
  const actions = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const policy = new Policy(role, 'Vpc', {
    roles: [role],
    statements: [
      new PolicyStatement({ actions, resources: ['*'] }),
      new PolicyStatement({
        effect: Effect.DENY,
        actions,
        resources: ['*'],
        // Only requests of a function's code carry this key.
        conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
      }),
    ],
  });
  Validations.of(policy).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'Lambda creates a function’s network interfaces with its role: they have no name yet that a policy could give.',
  });
  const resource = lambda.node.defaultChild as CfnFunction;
  resource.vpcConfig = { subnetIds: [...vpc.subnetIds], securityGroupIds: [...vpc.securityGroupIds] };
  // Lambda checks the permission when the function is created, and needs it until the interfaces are deleted.
  resource.node.addDependency(policy, ...(vpc.routes ?? []));
}

/** Catch values that bypass the type check (a spread, a cast) before they are deployed. */
function assertEnvironment(name: FunctionName, environment: Readonly<Record<string, string>>): void {
  const expected: readonly string[] = functionEnvironments[name];
  const got = Object.keys(environment);
  const missing = expected.filter((key) => !got.includes(key));
  const extra = got.filter((key) => !expected.includes(key));
  if (missing.length === 0 && extra.length === 0) return;
  const faults = [
    ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`not expected ${extra.join(', ')}`] : []),
  ];
  throw new Error(
    `Environment of ${name}: ${faults.join('; ')}; got ${got.join(', ')}; expected ${expected.join(', ')}; ` +
      'set what functionEnvironments in lambdas/contracts/environment.ts lists, or change that list',
  );
}
