import type { EncryptionKeys } from '../iam/encryption-keys.ts';
import type { Caller } from '../iam/may-call.ts';
import { readRole } from '../iam/statements.ts';
import type { StackAssembly } from './assembly.ts';
import { type LocalEndpoints, localRegion, localUrlSuffix, arn as toArn } from './resource-type.ts';
import type { StackResources } from './stack-resources.ts';

/** A Lambda function as the template declares it. */
export interface FunctionModel {
  readonly logicalId: string;
  /** Name that logs show: the construct that holds the function, in lower case (`ingress`). */
  readonly label: string;
  readonly path: string;
  readonly name: string;
  readonly arn: string;
  readonly codeFolder: string;
  readonly handler: string;
  readonly timeoutMs: number;
  readonly memorySizeMb: number;
  /** From the template; the sandbox adds Lambda's own variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number | undefined;
  /** Whether a chain of its own messages may invoke it without limit; otherwise Lambda stops the chain. */
  readonly allowsRecursion: boolean;
  /** Its identity towards AWS, and its permissions. */
  readonly caller: Caller;
  /** By which it may be invoked besides its own name; the first invokes the function without an alias. */
  readonly qualifiers: readonly FunctionQualifier[];
}

/** The function itself or one of its aliases: sources, permissions and retries belong to one of them. */
export interface FunctionQualifier {
  /** `$LATEST`, or the name of the alias. */
  readonly qualifier: string;
  readonly name: string;
  readonly arn: string;
  /** Retries of a failed asynchronous invocation. */
  readonly asyncRetries: number;
}

interface FunctionSources {
  readonly resources: StackResources;
  readonly assembly: StackAssembly;
  readonly keys: EncryptionKeys;
  readonly apiId: string | undefined;
  readonly endpoints: LocalEndpoints;
  readonly faults: string[];
}

export function readFunctions({
  resources,
  assembly,
  keys,
  apiId,
  endpoints,
  faults,
}: FunctionSources): FunctionModel[] {
  const { assetFolders } = assembly;
  const declared = resources.ofType('AWS::Lambda::Function');
  const label = labelOf(declared.map(({ path }) => path));
  // The template names the API by its AWS address; functions must call this machine instead.
  const publicOrigin = `https://${apiId}.execute-api.${localRegion}.${localUrlSuffix}`;
  return declared.flatMap(({ logicalId, name, arn, path, properties }) => {
    const codeFolder = assetFolders.get(properties.Code.S3Key);
    if (codeFolder === undefined) {
      faults.push(`${logicalId}: Code.S3Key ${properties.Code.S3Key} is not an asset folder of the cloud assembly`);
      return [];
    }
    const role = readRole(resources, properties.Role, faults);
    if (role === undefined) faults.push(`${logicalId}: Role ${properties.Role} is not a role of the stack`);
    const roleName = role?.name ?? 'unknown';
    const variables = Object.entries(properties.Environment?.Variables ?? {});
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
      qualifiers: readQualifiers(resources, name, arn ?? name),
    };
  });
}

function readQualifiers(resources: StackResources, functionName: string, functionArn: string): FunctionQualifier[] {
  const invokeConfigs = resources.ofType('AWS::Lambda::EventInvokeConfig');
  const aliases = resources
    .ofType('AWS::Lambda::Alias')
    .filter(({ properties }) => properties.FunctionName === functionName);
  return [
    { qualifier: '$LATEST', name: functionName, arn: functionArn },
    ...aliases.map(({ name, ref, properties }) => ({ qualifier: properties.Name, name, arn: ref })),
  ].map((one) => ({
    ...one,
    asyncRetries:
      invokeConfigs.find(
        ({ properties }) => properties.FunctionName === functionName && properties.Qualifier === one.qualifier,
      )?.properties.MaximumRetryAttempts ?? 2,
  }));
}

/** The outermost part of a path that no other function shares. */
function labelOf(paths: readonly string[]): (path: string) => string | undefined {
  return (path) =>
    path
      .split('/')
      .find((part) => part !== '' && paths.filter((other) => other.split('/').includes(part)).length === 1)
      ?.toLowerCase();
}
