import { type EncryptionKeys, readEncryptionKeys } from '../iam/encryption-keys.ts';
import { type Call, type Caller, mayCall } from '../iam/may-call.ts';
import { keyCalls } from '../iam/required-calls.ts';
import { readRole } from '../iam/statements.ts';
import type { StackAssembly } from './assembly.ts';
import type { LocalEndpoints } from './resource-type.ts';
import { localRegion, localUrlSuffix, arn as toArn } from './resource-type.ts';
import type { TableProperties } from './resources/dynamodb.ts';
import { readStackResources, type StackResource, type StackResources, throwFaults } from './stack-resources.ts';

/** A Lambda function as the template declares it. */
export interface FunctionModel {
  readonly logicalId: string;
  /** Short name for people: the construct that holds the function, in lower case (`ingress`). */
  readonly label: string;
  readonly path: string;
  readonly name: string;
  readonly arn: string;
  readonly codeFolder: string;
  readonly handler: string;
  readonly timeoutMs: number;
  readonly memorySizeMb: number;
  /** What the template gives; Lambda's own variables come on top. */
  readonly environment: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number | undefined;
  /** Whether it may be invoked again and again by a chain of its own messages; else Lambda stops the chain. */
  readonly allowsRecursion: boolean;
  /** As whom it calls AWS, and what it may do there. */
  readonly caller: Caller;
  /** Retries of an asynchronous invocation that failed. */
  readonly asyncRetries: number;
}

export interface QueueModel {
  readonly logicalId: string;
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  /** As SQS's CreateQueue takes them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** An SQS event source mapping that is enabled. */
export interface QueueSourceModel {
  readonly logicalId: string;
  readonly queue: QueueModel;
  readonly function: FunctionModel;
  readonly batchSize: number;
  readonly batchingWindowMs: number;
  readonly reportsBatchItemFailures: boolean;
  readonly maxConcurrency: number | undefined;
}

export interface ScheduleModel {
  readonly arn: string;
  readonly name: string;
  readonly expression: string;
  readonly function: FunctionModel;
  /** Event given by the target; else EventBridge's own. */
  readonly input: string | undefined;
}

export interface RouteModel {
  /** `GET /v1/events`, `ANY /in/{integration}`, `$default`. */
  readonly routeKey: string;
  readonly function: FunctionModel;
  readonly timeoutMs: number;
}

/** All that the runner acts on, derived from one template. */
export interface StackModel {
  readonly stackName: string;
  readonly resources: readonly StackResource[];
  readonly functions: readonly FunctionModel[];
  readonly queues: readonly QueueModel[];
  readonly tables: readonly { readonly name: string; readonly properties: TableProperties }[];
  readonly buckets: readonly { readonly name: string }[];
  readonly queueSources: readonly QueueSourceModel[];
  readonly schedules: readonly ScheduleModel[];
  readonly routes: readonly RouteModel[];
  readonly apiId: string;
  /** ARN of the customer-managed key by ARN of the table, bucket or queue that it encrypts. */
  readonly keyByResource: Readonly<Record<string, string>>;
}

/**
 * Derive the model of a stack.
 *
 * @throws {LocalEngineError} template-not-understood with every fault at once.
 */
export function readStackModel(assembly: StackAssembly, endpoints: LocalEndpoints): StackModel {
  const { stackName } = assembly;
  const resources = readStackResources(assembly.template, stackName, endpoints);
  const faults: string[] = [];
  const api = readApi(resources, faults);
  const keys = readEncryptionKeys(resources, faults);
  const functions = readFunctions({ resources, assembly, keys, apiId: api?.ref, endpoints, faults });
  const queues = readQueues(resources);
  const invocations = createInvocationCheck(resources, functions, faults);

  const queueSources = resources.ofType('AWS::Lambda::EventSourceMapping').flatMap(({ logicalId, properties }) => {
    const queue = queues.find(({ arn }) => arn === properties.EventSourceArn);
    const target = invocations.find(logicalId, properties.FunctionName);
    if (queue === undefined)
      faults.push(`${logicalId}: EventSourceArn ${properties.EventSourceArn} is no queue of the stack`);
    if (properties.BatchSize > 10 && properties.MaximumBatchingWindowInSeconds < 1) {
      faults.push(
        `${logicalId}: BatchSize ${properties.BatchSize} needs a MaximumBatchingWindowInSeconds of at least 1`,
      );
    }
    if (queue === undefined || target === undefined) return [];
    faults.push(...pollingFaults(logicalId, target, queue.arn, keys));
    if (!properties.Enabled) return [];
    return {
      logicalId,
      queue,
      function: target,
      batchSize: properties.BatchSize,
      batchingWindowMs: properties.MaximumBatchingWindowInSeconds * 1_000,
      reportsBatchItemFailures: properties.FunctionResponseTypes.length > 0,
      maxConcurrency: properties.ScalingConfig?.MaximumConcurrency,
    };
  });

  const rules = resources.ofType('AWS::Events::Rule').flatMap(({ logicalId, name, arn, properties }) =>
    properties.Targets.map((target) => ({
      logicalId,
      name,
      arn: arn ?? name,
      state: properties.State,
      expression: properties.ScheduleExpression,
      function: invocations.find(logicalId, target.Arn, 'events.amazonaws.com'),
      input: target.Input,
    })),
  );
  // The scheduler invokes by a role of its own, not by the function's permission.
  const schedulers = resources.ofType('AWS::Scheduler::Schedule').map(({ logicalId, name, arn, properties }) => ({
    logicalId,
    name,
    arn: arn ?? name,
    state: properties.State,
    expression: properties.ScheduleExpression,
    function: invocations.find(logicalId, properties.Target.Arn),
    input: properties.Target.Input,
  }));
  const schedules = [...rules, ...schedulers].flatMap(({ state, function: target, ...schedule }) =>
    state === 'ENABLED' && target !== undefined ? { ...schedule, function: target } : [],
  );

  const integrations = resources.ofType('AWS::ApiGatewayV2::Integration');
  const routes = resources.ofType('AWS::ApiGatewayV2::Route').flatMap(({ logicalId, properties }) => {
    const integration = integrations.find(({ ref }) => `integrations/${ref}` === properties.Target);
    if (integration === undefined) {
      faults.push(`${logicalId}: Target ${properties.Target} is no integration of the stack`);
      return [];
    }
    const target = invocations.find(
      integration.logicalId,
      integration.properties.IntegrationUri,
      'apigateway.amazonaws.com',
    );
    if (target === undefined) return [];
    return { routeKey: properties.RouteKey, function: target, timeoutMs: integration.properties.TimeoutInMillis };
  });

  throwFaults(stackName, faults);
  return {
    stackName,
    resources: resources.all,
    functions,
    queues,
    tables: [...resources.ofType('AWS::DynamoDB::Table'), ...resources.ofType('AWS::DynamoDB::GlobalTable')],
    buckets: resources.ofType('AWS::S3::Bucket'),
    queueSources,
    schedules,
    routes,
    apiId: api?.ref ?? 'local',
    keyByResource: keys.byResource,
  };
}

function readApi(resources: StackResources, faults: string[]): StackResource | undefined {
  const [api, ...more] = resources.ofType('AWS::ApiGatewayV2::Api');
  for (const { logicalId } of more)
    faults.push(`${logicalId}: a second HTTP API; the local runner serves one, on one port`);
  if (api !== undefined && resources.ofType('AWS::ApiGatewayV2::Stage').length === 0) {
    faults.push(`${api.logicalId}: has no AWS::ApiGatewayV2::Stage, so nothing would reach it`);
  }
  return api;
}

/** What the poller needs of the function's role: AWS refuses a mapping without it. */
function pollingFaults(mapping: string, { caller }: FunctionModel, queueArn: string, keys: EncryptionKeys): string[] {
  const calls: Call[] = [
    ...['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((action) => ({
      action: `sqs:${action}`,
      resource: queueArn,
    })),
    ...keyCalls(keys.byResource[queueArn], 'Decrypt'),
  ];
  return calls.flatMap((call) => {
    const verdict = mayCall(caller, call);
    return verdict.kind === 'allowed' ? [] : [`${mapping}: AWS would refuse to poll the queue: ${verdict.message}`];
  });
}

interface FunctionSources {
  readonly resources: StackResources;
  readonly assembly: StackAssembly;
  readonly keys: EncryptionKeys;
  readonly apiId: string | undefined;
  readonly endpoints: LocalEndpoints;
  readonly faults: string[];
}

function readFunctions({ resources, assembly, keys, apiId, endpoints, faults }: FunctionSources): FunctionModel[] {
  const { assetFolders } = assembly;
  const declared = resources.ofType('AWS::Lambda::Function');
  const invokeConfigs = resources.ofType('AWS::Lambda::EventInvokeConfig');
  const label = labelOf(declared.map(({ path }) => path));
  // However the template spells the API's address, it is this machine's.
  const publicOrigin = `https://${apiId}.execute-api.${localRegion}.${localUrlSuffix}`;
  return declared.flatMap(({ logicalId, name, arn, path, properties }) => {
    const codeFolder = assetFolders.get(properties.Code.S3Key);
    if (codeFolder === undefined) {
      faults.push(`${logicalId}: Code.S3Key ${properties.Code.S3Key} is no asset folder of the cloud assembly`);
      return [];
    }
    const role = readRole(resources, properties.Role, faults);
    if (role === undefined) faults.push(`${logicalId}: Role ${properties.Role} is no role of the stack`);
    const roleName = role?.name ?? 'unknown';
    const variables = Object.entries(properties.Environment?.Variables ?? {});
    const invokeConfig = invokeConfigs.find((config) => config.properties.FunctionName === name);
    return {
      logicalId,
      label: label(path) ?? logicalId,
      path,
      name,
      arn: arn ?? name,
      codeFolder,
      handler: properties.Handler,
      timeoutMs: properties.Timeout * 1_000,
      memorySizeMb: properties.MemorySize,
      environment: Object.fromEntries(
        variables.map(([key, value]) => [key, value.replaceAll(publicOrigin, endpoints.http)]),
      ),
      reservedConcurrency: properties.ReservedConcurrentExecutions,
      allowsRecursion: properties.RecursiveLoop === 'Allow',
      caller: {
        accessKeyId: `ASIA${logicalId}`,
        arn: toArn('sts', `assumed-role/${roleName}/${name}`, { region: '' }),
        statements: [...(role?.statements ?? []), ...keys.allowedTo(properties.Role)],
      },
      asyncRetries: invokeConfig?.properties.MaximumRetryAttempts ?? 2,
    };
  });
}

/** The outermost part of a path that no other function shares. */
function labelOf(paths: readonly string[]): (path: string) => string | undefined {
  return (path) =>
    path
      .split('/')
      .find((part) => part !== '' && paths.filter((other) => other.split('/').includes(part)).length === 1)
      ?.toLowerCase();
}

function readQueues(resources: StackResources): QueueModel[] {
  return resources.ofType('AWS::SQS::Queue').map(({ logicalId, name, ref, arn, properties }) => {
    const { QueueName: _name, RedrivePolicy, RedriveAllowPolicy: _allow, ...own } = properties;
    const attributes = [
      ['VisibilityTimeout', own.VisibilityTimeout],
      ['DelaySeconds', own.DelaySeconds],
      ['MaximumMessageSize', own.MaximumMessageSize],
      ['MessageRetentionPeriod', own.MessageRetentionPeriod],
      ['ReceiveMessageWaitTimeSeconds', own.ReceiveMessageWaitTimeSeconds],
      ['RedrivePolicy', RedrivePolicy === undefined ? undefined : JSON.stringify(RedrivePolicy)],
    ] as const;
    return {
      logicalId,
      name,
      url: ref,
      arn: arn ?? name,
      attributes: Object.fromEntries(
        attributes.flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
      ),
    };
  });
}

/** Finds the function that a source names and holds it to the permission that AWS would ask for. */
function createInvocationCheck(resources: StackResources, functions: readonly FunctionModel[], faults: string[]) {
  const names = ({ name, arn }: FunctionModel) => [
    name,
    arn,
    `arn:aws:apigateway:${localRegion}:lambda:path/2015-03-31/functions/${arn}/invocations`,
  ];
  const permissions = resources.ofType('AWS::Lambda::Permission');
  const reported = new Set<string>();
  return {
    find(source: string, target: string, principal?: string): FunctionModel | undefined {
      const found = functions.find((candidate) => names(candidate).includes(target));
      const permitted =
        found === undefined ||
        principal === undefined ||
        permissions.some(
          ({ properties }) => properties.Principal === principal && names(found).includes(properties.FunctionName),
        );
      const fault =
        found === undefined
          ? `${source}: ${target} is no function of the stack`
          : `${source}: ${found.logicalId} has no AWS::Lambda::Permission for ${principal}, so AWS would refuse to invoke it`;
      if ((found === undefined || !permitted) && !reported.has(fault)) {
        reported.add(fault);
        faults.push(fault);
      }
      return found;
    },
  };
}
