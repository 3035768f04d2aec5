import { fileURLToPath } from 'node:url';
import { Duration, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import {
  type EnvironmentKey,
  environmentKeys,
  type FunctionName,
  functionEnvironments,
} from '../../lambdas/contracts/environment.ts';
import type { TributaryConfig } from '../config.ts';
import {
  EngineFunction,
  type EngineFunctionProps,
  type FunctionEnvironment,
  type FunctionVpc,
} from '../constructs/engine-function.ts';
import { bundleFunction, type FunctionBundleProps } from '../constructs/function-bundle.ts';
import { GradualDeployments } from '../constructs/gradual-deployments.ts';
import type { OperatorAlarms } from '../constructs/operator-alarms.ts';
import { WorkQueue } from '../constructs/work-queue.ts';
import { compileCandidates, compileIntegrations } from '../definitions/compile-integrations.ts';
import { compileVersionedResources } from '../definitions/compile-resources.ts';

const functionsRoot = new URL('../../lambdas/functions/', import.meta.url);
const integrationsRoot = new URL('../../integrations/', import.meta.url);

/** Functions whose bundle carries the compiled integrations. */
const functionsWithIntegrations: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'ingress',
  'normalize',
  'enrich',
  'poll',
  'api',
]);

/** Functions whose bundle carries the candidates of integrations: all of those but ingress, which maps nothing. */
const functionsWithCandidates: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'normalize',
  'enrich',
  'poll',
  'api',
]);

/** Functions whose bundle carries the schemas of the canonical resources, with the older versions that are served. */
const functionsWithResources: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'normalize',
  'enrich',
  'poll',
  'api',
  'deliver',
  'drain',
]);

/** Functions that evaluate expressions, in a child process. */
const functionsWithExpressions: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'normalize',
  'enrich',
  'poll',
  'api',
  'deliver',
  'drain',
]);

/**
 * Functions that send to the queue that invokes them: deliver postpones an attempt, enrich, poll, drain and govern
 * leave the rest of their work to the next run. Their own logic ends their chains; Lambda must not stop them after 16
 * messages.
 */
const functionsThatRequeueThemselves: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'enrich',
  'poll',
  'deliver',
  'drain',
  'govern',
]);

/**
 * What raises an alarm for a function, where that is not its errors alone.
 *
 * Requests that Lambda throttles reach ingress no second time. Queues repeat what other functions missed, and their age
 * raises an alarm. An erasure that fails becomes a dead letter; a console that fails is a 5xx of the HTTP API.
 */
const watched: Partial<Record<FunctionName, EngineFunctionProps<FunctionName>['watched']>> = {
  ingress: ['errors', 'throttles'],
  govern: [],
  console: [],
  // Its own alarms watch what it is for, and fire when it throws, too.
  canary: [],
};

/** Functions that call addresses outside AWS, and so read the allowed ranges. */
const functionsThatCallOut: ReadonlySet<FunctionName> = new Set(
  (Object.keys(functionEnvironments) as FunctionName[]).filter((name) =>
    (functionEnvironments[name] as readonly string[]).includes(environmentKeys.egressAllowedRanges),
  ),
);

/** The files that the code of a function starts from. */
export function entryOf(name: FunctionName) {
  const expressions = fileURLToPath(new URL('expressions.child.ts', functionsRoot));
  return {
    entry: fileURLToPath(new URL(`${name}/${name}.lambda.ts`, functionsRoot)),
    processes: functionsWithExpressions.has(name) ? { expressions } : {},
  };
}

export interface EngineFunctionOptions {
  readonly timeoutSeconds: number;
  readonly memorySizeMb: number;
  /** Folders of files next to the code. @default - none */
  readonly files?: FunctionBundleProps['files'];
}

export interface EngineBuilderProps {
  readonly config: TributaryConfig;
  /** Where functions that call out run. @default - as the settings say */
  readonly vpc?: FunctionVpc | undefined;
  /** Folder of further definitions; one of a shipped name replaces that. @default - none */
  readonly integrations?: string | undefined;
  readonly alarms: OperatorAlarms;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * Builds the functions and queues of the engine directly in the stack, so that reorganizing this code does not change
 * the construct ids of resources with data.
 *
 * The capability that owns a resource sets its environment key, once. A function gets the keys that its contract lists.
 */
export class EngineBuilder {
  readonly scope: Construct;
  readonly config: TributaryConfig;
  readonly alarms: OperatorAlarms;
  readonly removalPolicy: RemovalPolicy;
  /** What was built so far, by name. */
  readonly queues = new Map<string, WorkQueue>();
  readonly functions = new Map<FunctionName, EngineFunction>();
  private readonly vpc: FunctionVpc | undefined;
  private readonly deployments: GradualDeployments | undefined;
  private readonly environment = new Map<EnvironmentKey, string>();
  private readonly integrations: ReadonlyMap<string, object>;
  private readonly candidates: ReadonlyMap<string, object>;
  private readonly resources = compileVersionedResources(integrationsRoot);

  constructor(scope: Construct, { config, alarms, removalPolicy, vpc, integrations }: EngineBuilderProps) {
    this.scope = scope;
    this.config = config;
    this.alarms = alarms;
    this.removalPolicy = removalPolicy;
    this.vpc = vpc ?? vpcOf(config);
    const folders = [integrationsRoot, ...(integrations === undefined ? [] : [integrations])];
    const compiled = folders.map((folder) => ({ folder, integrations: compileIntegrations(folder) }));
    this.integrations = new Map(compiled.flatMap((one) => [...one.integrations]));
    this.candidates = new Map(compiled.flatMap((one) => [...compileCandidates(one.folder, one.integrations)]));
    this.deployments = config.gradualDeployments ? new GradualDeployments(scope, 'Deployments') : undefined;
  }

  /** Set environment keys for functions that are created later. @throws Error for a key that is already set. */
  setEnvironment(values: { readonly [Key in EnvironmentKey]?: string }): void {
    for (const [key, value] of Object.entries(values) as [EnvironmentKey, string][]) {
      if (this.environment.has(key)) throw new Error(`${key}: is already set`);
      this.environment.set(key, value);
    }
  }

  /** A queue with its dead-letter queue; an alarm fires when its oldest message waits longer than `stuckAfter`. */
  queue(id: string, name: string, consumerTimeoutSeconds: number, stuckAfter: Duration | undefined): WorkQueue {
    const queue = new WorkQueue(this.scope, id, {
      name,
      consumerTimeout: Duration.seconds(consumerTimeoutSeconds),
      stuckAfter,
      alarms: this.alarms,
      removalPolicy: this.removalPolicy,
    });
    this.queues.set(name, queue);
    return queue;
  }

  function<Name extends FunctionName>(
    id: string,
    name: Name,
    { timeoutSeconds, memorySizeMb, files = {} }: EngineFunctionOptions,
  ): EngineFunction<Name> {
    const built = new EngineFunction<Name>(this.scope, id, {
      name,
      bundle: bundleFunction({
        ...entryOf(name),
        ...(functionsWithIntegrations.has(name) ? { integrations: this.integrations } : {}),
        ...(functionsWithResources.has(name) ? { resources: this.resources } : {}),
        ...(functionsWithCandidates.has(name) ? { candidates: this.candidates } : {}),
        files,
      }),
      environment: this.environmentOf(name),
      timeout: Duration.seconds(timeoutSeconds),
      memorySizeMb,
      reservedConcurrency: this.reservedConcurrencyOf(name),
      requeuesItself: functionsThatRequeueThemselves.has(name),
      vpc: functionsThatCallOut.has(name) ? this.vpc : undefined,
      isTraced: this.config.tracing === 'active',
      logRetention: this.config.logRetentionDays,
      deployments: this.deployments,
      alarms: this.alarms,
      ...(watched[name] === undefined ? {} : { watched: watched[name] }),
      removalPolicy: this.removalPolicy,
    });
    this.functions.set(name, built);
    this.allowCollectorHeaders(name, built);
    return built;
  }

  /** Let a function that exports spans read the headers of the collector. */
  private allowCollectorHeaders(name: FunctionName, { lambda }: EngineFunction): void {
    const { otlpHeadersParameter } = this.config;
    const keys: readonly EnvironmentKey[] = functionEnvironments[name];
    if (otlpHeadersParameter === undefined || !keys.includes(environmentKeys.otlpHeadersParameter)) return;
    lambda.addToRolePolicy(
      new PolicyStatement({
        actions: ['ssm:GetParameter'],
        resources: [Stack.of(lambda).formatArn({ service: 'ssm', resource: `parameter${otlpHeadersParameter}` })],
      }),
    );
  }

  /** @throws Error when a key that the function reads is not set. */
  private environmentOf<Name extends FunctionName>(name: Name): FunctionEnvironment<Name> {
    const keys: readonly EnvironmentKey[] = functionEnvironments[name];
    const missing = keys.filter((key) => !this.environment.has(key));
    if (missing.length > 0) throw new Error(`${name} reads ${missing.join(', ')}, which nothing has set`);
    return Object.fromEntries(keys.map((key) => [key, this.environment.get(key)])) as FunctionEnvironment<Name>;
  }

  private reservedConcurrencyOf(name: FunctionName): number | undefined {
    const { ingressReservedConcurrency, normalizeReservedConcurrency, apiReservedConcurrency } = this.config;
    const reserved: Partial<Record<FunctionName, number | undefined>> = {
      ingress: ingressReservedConcurrency,
      normalize: normalizeReservedConcurrency,
      api: apiReservedConcurrency,
    };
    return reserved[name];
  }
}

function vpcOf({ vpcSubnetIds, vpcSecurityGroupIds }: TributaryConfig): FunctionVpc | undefined {
  return vpcSubnetIds.length > 0 ? { subnetIds: vpcSubnetIds, securityGroupIds: vpcSecurityGroupIds } : undefined;
}
