import type { EncryptionKeys } from '../iam/encryption-keys.ts';
import { type Call, mayCall } from '../iam/may-call.ts';
import { keyCalls } from '../iam/required-calls.ts';
import type { FunctionModel, FunctionQualifier } from './function-model.ts';
import type { QueueModel } from './queue-model.ts';
import { localRegion } from './resource-type.ts';
import type { StackResources } from './stack-resources.ts';

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
  /** Retries of a failed invocation. */
  readonly asyncRetries: number;
  /** Event that the target sets; undefined sends EventBridge's own event. */
  readonly input: string | undefined;
}

export interface RouteModel {
  /** `GET /v1/events`, `ANY /in/{integration}`, `$default`. */
  readonly routeKey: string;
  readonly function: FunctionModel;
  readonly timeoutMs: number;
}

interface SourceContext {
  readonly resources: StackResources;
  readonly invocations: InvocationCheck;
  readonly faults: string[];
}

export function readQueueSources(
  { resources, invocations, faults }: SourceContext,
  queues: readonly QueueModel[],
  keys: EncryptionKeys,
): QueueSourceModel[] {
  return resources.ofType('AWS::Lambda::EventSourceMapping').flatMap(({ logicalId, properties }) => {
    const queue = queues.find(({ arn }) => arn === properties.EventSourceArn);
    const target = invocations.find(logicalId, properties.FunctionName)?.function;
    if (queue === undefined)
      faults.push(`${logicalId}: EventSourceArn ${properties.EventSourceArn} is not a queue of the stack`);
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
}

/** Permissions that the poller needs on the function's role; AWS rejects the event source mapping without them. */
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
    return verdict.kind === 'allowed' ? [] : [`${mapping}: AWS would not poll the queue: ${verdict.message}`];
  });
}

export function readSchedules({
  resources,
  invocations,
}: Pick<SourceContext, 'resources' | 'invocations'>): ScheduleModel[] {
  const rules = resources.ofType('AWS::Events::Rule').flatMap(({ logicalId, name, arn, properties }) =>
    properties.Targets.map((target) => ({
      logicalId,
      name,
      arn: arn ?? name,
      state: properties.State,
      expression: properties.ScheduleExpression,
      target: invocations.find(logicalId, target.Arn, 'events.amazonaws.com'),
      input: target.Input,
    })),
  );
  // The scheduler invokes with its own role, so the function needs no permission for it.
  const schedulers = resources.ofType('AWS::Scheduler::Schedule').map(({ logicalId, name, arn, properties }) => ({
    logicalId,
    name,
    arn: arn ?? name,
    state: properties.State,
    expression: properties.ScheduleExpression,
    target: invocations.find(logicalId, properties.Target.Arn),
    input: properties.Target.Input,
  }));
  return [...rules, ...schedulers].flatMap(({ state, target, ...schedule }) =>
    state === 'ENABLED' && target !== undefined ? { ...schedule, ...target } : [],
  );
}

export function readRoutes({ resources, invocations, faults }: SourceContext): RouteModel[] {
  const integrations = resources.ofType('AWS::ApiGatewayV2::Integration');
  return resources.ofType('AWS::ApiGatewayV2::Route').flatMap(({ logicalId, properties }) => {
    const integration = integrations.find(({ ref }) => `integrations/${ref}` === properties.Target);
    if (integration === undefined) {
      faults.push(`${logicalId}: Target ${properties.Target} is not an integration of the stack`);
      return [];
    }
    const target = invocations.find(
      integration.logicalId,
      integration.properties.IntegrationUri,
      'apigateway.amazonaws.com',
    )?.function;
    if (target === undefined) return [];
    return { routeKey: properties.RouteKey, function: target, timeoutMs: integration.properties.TimeoutInMillis };
  });
}

/** The function URL of the stack: the runner serves one, on a port of its own. */
export function readFunctionUrl({ resources, invocations, faults }: SourceContext): FunctionModel | undefined {
  const [url, ...more] = resources.ofType('AWS::Lambda::Url');
  for (const { logicalId } of more) faults.push(`${logicalId}: a second function URL; the local runner serves one`);
  if (url === undefined) return undefined;
  const { TargetFunctionArn: functionArn, Qualifier: qualifier } = url.properties;
  const target = qualifier === undefined ? functionArn : `${functionArn}:${qualifier}`;
  return invocations.find(url.logicalId, target, '*')?.function;
}

type InvocationCheck = ReturnType<typeof createInvocationCheck>;

/**
 * Finds the function that a source names, and checks that the source has the permission to invoke it. A permission
 * holds for what it names: one for a function does not allow a source to invoke an alias of it, nor the other way round.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
 */
export function createInvocationCheck(
  resources: StackResources,
  functions: readonly FunctionModel[],
  faults: string[],
) {
  const invocable = functions.flatMap((one) => one.qualifiers.map((qualified) => ({ function: one, ...qualified })));
  const names = ({ name, arn }: FunctionQualifier) => [
    name,
    arn,
    `arn:aws:apigateway:${localRegion}:lambda:path/2015-03-31/functions/${arn}/invocations`,
  ];
  const permissions = resources.ofType('AWS::Lambda::Permission');
  const reported = new Set<string>();
  return {
    find(source: string, target: string, principal?: string) {
      const found = invocable.find((candidate) => names(candidate).includes(target));
      const permitted =
        found === undefined ||
        principal === undefined ||
        permissions.some(
          ({ properties }) => properties.Principal === principal && names(found).includes(properties.FunctionName),
        );
      const fault =
        found === undefined
          ? `${source}: ${target} is not a function of the stack`
          : `${source}: ${describe(found)} has no AWS::Lambda::Permission for ${principal}, so AWS would not invoke it`;
      if ((found === undefined || !permitted) && !reported.has(fault)) {
        reported.add(fault);
        faults.push(fault);
      }
      return found === undefined ? undefined : { function: found.function, asyncRetries: found.asyncRetries };
    },
  };
}

const describe = ({
  function: { logicalId },
  qualifier,
}: {
  readonly function: FunctionModel;
  readonly qualifier: string;
}) => (qualifier === '$LATEST' ? logicalId : `the alias ${qualifier} of ${logicalId}`);
