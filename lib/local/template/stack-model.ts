import { readEncryptionKeys } from '../iam/encryption-keys.ts';
import { type AlarmModel, readAlarms } from '../metrics/read-alarms.ts';
import type { StackAssembly } from './assembly.ts';
import {
  createInvocationCheck,
  type QueueSourceModel,
  type RouteModel,
  readFunctionUrl,
  readQueueSources,
  readRoutes,
  readSchedules,
  type ScheduleModel,
} from './event-sources.ts';
import { type FunctionModel, readFunctions } from './function-model.ts';
import { type QueueModel, readQueues } from './queue-model.ts';
import type { LocalEndpoints } from './resource-type.ts';
import type { TableProperties } from './resources/dynamodb.ts';
import { readStackResources, type StackResource, type StackResources, throwFaults } from './stack-resources.ts';

/** What the runner acts on, derived from one template. */
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
  /** What the function URL invokes; undefined where there is none. */
  readonly functionUrl: FunctionModel | undefined;
  readonly apiId: string;
  readonly alarms: readonly AlarmModel[];
  /** ARNs of the customer-managed keys. */
  readonly keyArns: readonly string[];
  /** ARN of the customer-managed key by ARN of the table, bucket or queue that it encrypts. */
  readonly keyByResource: Readonly<Record<string, string>>;
  /** Name of the partition key by ARN of the table. */
  readonly partitionKeys: Readonly<Record<string, string>>;
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
  const queueSources = readQueueSources({ resources, invocations, faults }, queues, keys);
  const schedules = readSchedules({ resources, invocations });
  const routes = readRoutes({ resources, invocations, faults });
  const functionUrl = readFunctionUrl({ resources, invocations, faults });
  const alarms = readAlarms(resources, faults);
  throwFaults(stackName, faults);
  const tables = [...resources.ofType('AWS::DynamoDB::Table'), ...resources.ofType('AWS::DynamoDB::GlobalTable')];
  return {
    stackName,
    resources: resources.all,
    functions,
    queues,
    tables,
    buckets: resources.ofType('AWS::S3::Bucket'),
    queueSources,
    schedules,
    routes,
    functionUrl,
    apiId: api?.ref ?? 'local',
    alarms,
    keyArns: keys.arns,
    keyByResource: keys.byResource,
    partitionKeys: Object.fromEntries(
      tables.map(({ arn, properties }) => [
        arn ?? '',
        properties.KeySchema.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName ?? '',
      ]),
    ),
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
