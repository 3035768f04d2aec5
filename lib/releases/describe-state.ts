import { CfnResource, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** A resource with data, or with an address that others know. */
export interface StatefulResource {
  readonly type: string;
  /** Properties that CloudFormation cannot change without a replacement, as text. */
  readonly identity: Readonly<Record<string, string>>;
  /** The secondary indexes of a table by name: keys and projection, as text. */
  readonly indexes?: Readonly<Record<string, string>>;
}

/** The stateful resources of an engine by their path in it. */
export type StackState = Readonly<Record<string, StatefulResource>>;

/**
 * Types of stateful resources, with their properties whose change replaces a resource or is refused.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
const statefulTypes: Readonly<Record<string, readonly string[]>> = {
  // Its address is in the webhook URLs that providers know.
  'AWS::ApiGatewayV2::Api': ['protocolType'],
  'AWS::DynamoDB::Table': ['tableName', 'keySchema'],
  'AWS::KMS::Key': ['keySpec', 'keyUsage', 'multiRegion'],
  'AWS::Logs::LogGroup': ['logGroupName', 'logGroupClass'],
  'AWS::S3::Bucket': ['bucketName'],
  'AWS::SQS::Queue': ['queueName', 'fifoQueue'],
};

interface KeyPart {
  readonly attributeName: string;
  readonly keyType: string;
}

interface ResolvedTable {
  readonly keySchema: readonly KeyPart[];
  readonly attributeDefinitions: readonly { readonly attributeName: string; readonly attributeType: string }[];
  readonly globalSecondaryIndexes?: readonly {
    readonly indexName: string;
    readonly keySchema: readonly KeyPart[];
    readonly projection: { readonly projectionType: string; readonly nonKeyAttributes?: readonly string[] };
  }[];
}

/** Describe what a deployment of this engine must not lose. @param scope - The construct that holds the engine. */
export function describeState(scope: Construct): StackState {
  const resources = scope.node
    .findAll()
    .filter((one): one is CfnResource => CfnResource.isCfnResource(one))
    .filter(({ cfnResourceType }) => Object.hasOwn(statefulTypes, cfnResourceType))
    .map((one) => [pathIn(scope, one), describe(one)] as const);
  return Object.fromEntries(resources.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function describe(resource: CfnResource): StatefulResource {
  const type = resource.cfnResourceType;
  const resolve = (value: unknown): unknown => Stack.of(resource).resolve(value);
  const members = resource as unknown as Readonly<Record<string, unknown>>;
  if (type === 'AWS::DynamoDB::Table') {
    const table = Object.fromEntries(
      ['keySchema', 'attributeDefinitions', 'globalSecondaryIndexes'].map((name) => [name, resolve(members[name])]),
    ) as unknown as ResolvedTable;
    return { type, ...describeTable(table, resolve(members['tableName'])) };
  }
  const identity = (statefulTypes[type] ?? []).flatMap((name) => {
    const value = resolve(members[name]);
    return value === undefined ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)] as const];
  });
  return { type, identity: Object.fromEntries(identity) };
}

function describeTable({ keySchema, attributeDefinitions, globalSecondaryIndexes = [] }: ResolvedTable, name: unknown) {
  const keys = (parts: readonly KeyPart[]) =>
    parts
      .map(({ attributeName, keyType }) => {
        const definition = attributeDefinitions.find((one) => one.attributeName === attributeName);
        return `${attributeName} (${definition?.attributeType}, ${keyType})`;
      })
      .join(', ');
  const indexes = globalSecondaryIndexes.map(({ indexName, keySchema: parts, projection }) => {
    const held = [...(projection.nonKeyAttributes ?? [])].sort().join(', ');
    return [indexName, `${keys(parts)}; ${projection.projectionType}${held === '' ? '' : ` ${held}`}`] as const;
  });
  return {
    identity: { keys: keys(keySchema), ...(name === undefined ? {} : { tableName: JSON.stringify(name) }) },
    ...(indexes.length === 0 ? {} : { indexes: Object.fromEntries(indexes) }),
  };
}

/** `Accounts/Table`: the path below the engine, which is the same in every stack that holds it. */
function pathIn(scope: Construct, { node }: CfnResource): string {
  const below = scope.node.path === '' ? node.path : node.path.slice(scope.node.path.length + 1);
  return below.replace(/\/Resource$/, '');
}
