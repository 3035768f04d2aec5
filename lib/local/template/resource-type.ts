import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Account and region of the local stack; fauxqs supports no other account. */
export const localAccountId = '000000000000';
export const localRegion = 'us-east-1';
export const localUrlSuffix = 'amazonaws.com';

/** A resource with its name, before its properties are resolved. */
export interface NamedResource {
  readonly logicalId: string;
  /** The template's name, or a generated one. */
  readonly name: string;
  /** Addresses that are known once the emulators and the HTTP server listen. */
  readonly endpoints: LocalEndpoints;
}

export interface LocalEndpoints {
  readonly sqs: string;
  readonly s3: string;
  readonly dynamodb: string;
  readonly eventbridge: string;
  readonly kms: string;
  readonly kinesis: string;
  readonly sts: string;
  /** Origin of the HTTP API, without a trailing slash. */
  readonly http: string;
  /** Origin of the function URL, without a trailing slash. */
  readonly functionUrl: string;
}

/** The runner's knowledge of one CloudFormation resource type. */
export interface ResourceType<P extends z.ZodType = z.ZodType> {
  /** Strict: a property that it does not list is a fault. */
  readonly properties: P;
  /** The property that may hold the resource's name; several make one name, joined by colons. */
  readonly nameProperty?: string | readonly string[];
  /** Names that the service accepts. @default 255 characters in any case */
  readonly nameLimit?: { readonly length: number; readonly lowerCase?: boolean };
  /** Value of `Ref`. @default the name */
  readonly ref?: (resource: NamedResource) => string;
  /** Values of `Fn::GetAtt`. */
  readonly attributes?: Readonly<Record<string, (resource: NamedResource) => string>>;
}

/**
 * Schema of a property that only AWS enforces (access, encryption, retention, tags): the runner accepts it, does not
 * resolve it, and ignores it.
 */
export const noLocalEffect = z.unknown().optional();

/** CloudFormation may write numbers and booleans as strings. */
export const number = z.coerce.number();
export const boolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')]);

export function arn(
  service: string,
  resource: string,
  { region = localRegion, account = localAccountId } = {},
): string {
  return `arn:aws:${service}:${region}:${account}:${resource}`;
}

/** `<stack>-<logical id>`, as in CloudFormation, but the same at every start. */
export function generateName(stackName: string, logicalId: string, limit: ResourceType['nameLimit']): string {
  const whole = `${stackName}-${logicalId}`;
  const name = limit?.lowerCase === true ? whole.toLowerCase() : whole;
  const length = limit?.length ?? 255;
  if (name.length <= length) return name;
  const digest = createHash('sha256').update(whole).digest('hex').slice(0, 8);
  return `${name.slice(0, length - 9)}-${digest}`;
}
