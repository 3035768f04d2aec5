import { z } from 'zod';
import { LocalEngineError } from '../errors.ts';
import type { Template, TemplateResource } from './assembly.ts';
import { evaluateCondition, type IntrinsicScope, resolveIntrinsics, TemplateFault } from './intrinsics.ts';
import {
  generateName,
  type LocalEndpoints,
  localAccountId,
  localRegion,
  localUrlSuffix,
  type NamedResource,
  noLocalEffect,
  type ResourceType,
} from './resource-type.ts';
import { type EffectiveType, findResourceType, type resourceTypes } from './resource-types.ts';

/** A resource of the stack with every property resolved and checked. */
export interface StackResource<Properties = unknown> {
  readonly logicalId: string;
  readonly type: string;
  /** Construct path without the stack and the trailing `Resource`: `Ingress/Function`. Empty when not known. */
  readonly path: string;
  readonly name: string;
  /** What `Ref` of it gives: a queue's URL, a table's name. */
  readonly ref: string;
  readonly arn: string | undefined;
  readonly properties: Properties;
}

type PropertiesOf<T extends EffectiveType> = z.infer<(typeof resourceTypes)[T]['properties']>;

export interface StackResources {
  readonly all: readonly StackResource[];
  ofType<T extends EffectiveType>(type: T): readonly StackResource<PropertiesOf<T>>[];
}

/** Sections of a template that this machine acts on or may ignore. */
const knownSections = new Set([
  'AWSTemplateFormatVersion',
  'Conditions',
  'Description',
  'Metadata',
  'Outputs',
  'Parameters',
  'Resources',
  // Rules check the bootstrap version of an account.
  'Rules',
]);

/**
 * Resolve and check every resource of a template.
 *
 * @throws {LocalEngineError} template-not-understood with every fault of the whole template at once.
 */
export function readStackResources(template: Template, stackName: string, endpoints: LocalEndpoints): StackResources {
  const faults = Object.keys(template)
    .filter((section) => !knownSections.has(section))
    .map(
      (section) =>
        `section ${section}: not understood by the local runner; add it to lib/local/template/stack-resources.ts`,
    );
  const { scope, describe, isPresent } = createScope(template, stackName, endpoints);

  const all: StackResource[] = [];
  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    const type = findResourceType(resource.Type);
    if (type === undefined) {
      faults.push(
        `${logicalId}: resource type ${resource.Type} is not understood by the local runner; ` +
          'describe it in lib/local/template/resources/, with its effect or as having none',
      );
      continue;
    }
    try {
      if (!isPresent(logicalId)) continue;
      const properties = readProperties(resource, type, scope);
      if (Array.isArray(properties)) {
        faults.push(...properties.map((fault) => `${logicalId} (${resource.Type}): ${fault}`));
        continue;
      }
      const named = describe(logicalId);
      all.push({
        logicalId,
        type: resource.Type,
        path: constructPath(resource),
        name: named.name,
        ref: scope.ref(logicalId),
        arn: (type.attributes?.['Arn'] ?? type.attributes?.['TopicArn'])?.(named),
        properties: properties.value,
      });
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      faults.push(`${logicalId} (${resource.Type}): ${error.message}`);
    }
  }
  throwFaults(stackName, faults);
  return {
    all,
    ofType: <T extends EffectiveType>(type: T) =>
      all.filter((resource) => resource.type === type) as StackResource<PropertiesOf<T>>[],
  };
}

/** @throws {LocalEngineError} template-not-understood when there is any fault. */
export function throwFaults(stackName: string, faults: readonly string[]): void {
  if (faults.length === 0) return;
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  throw new LocalEngineError(
    'template-not-understood',
    `The template of ${stackName} has ${count} for the local runner:\n${faults.map((fault) => `- ${fault}`).join('\n')}`,
  );
}

/** Checked properties, or what is wrong with them. */
function readProperties(
  resource: TemplateResource,
  type: ResourceType,
  scope: IntrinsicScope,
): { value: unknown } | string[] {
  const shape: Readonly<Record<string, unknown>> = type.properties instanceof z.ZodObject ? type.properties.shape : {};
  const faults: string[] = [];
  const resolved: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(resource.Properties ?? {})) {
    // What has no effect is not resolved either: it may refer to anything AWS has.
    if (!Object.hasOwn(shape, key) || shape[key] === noLocalEffect) {
      resolved[key] = value;
      continue;
    }
    try {
      resolved[key] = resolveIntrinsics(value, scope);
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      faults.push(`property ${key}: ${error.message}`);
    }
  }
  const parsed = type.properties.safeParse(resolved);
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap(describeIssue));
  return faults.length > 0 || !parsed.success ? faults : { value: parsed.data };
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [`property ${path}: ${issue.message}`];
  return issue.keys.map(
    (key) =>
      `property ${path === '' ? key : `${path}.${key}`} is not understood by the local runner; ` +
      'add it to the schema of its type in lib/local/template/resources/, with its effect or as noLocalEffect',
  );
}

function createScope(template: Template, stackName: string, endpoints: LocalEndpoints) {
  const pseudoParameters: Readonly<Record<string, string>> = {
    'AWS::AccountId': localAccountId,
    'AWS::Partition': 'aws',
    'AWS::Region': localRegion,
    'AWS::StackId': `arn:aws:cloudformation:${localRegion}:${localAccountId}:stack/${stackName}/local`,
    'AWS::StackName': stackName,
    'AWS::URLSuffix': localUrlSuffix,
  };
  const names = new Map<string, string>();
  const resolving = new Set<string>();

  const nameOf = (logicalId: string, resource: TemplateResource, type: ResourceType): string => {
    const known = names.get(logicalId);
    if (known !== undefined) return known;
    if (resolving.has(logicalId)) throw new TemplateFault(`the name of ${logicalId} refers to itself`);
    resolving.add(logicalId);
    const given = type.nameProperty === undefined ? undefined : resource.Properties?.[type.nameProperty];
    const resolved = given === undefined ? undefined : resolveIntrinsics(given, scope);
    const name = typeof resolved === 'string' ? resolved : generateName(stackName, logicalId, type.nameLimit);
    resolving.delete(logicalId);
    names.set(logicalId, name);
    return name;
  };
  const find = (logicalId: string) => {
    const resource = template.Resources[logicalId];
    const type = resource === undefined ? undefined : findResourceType(resource.Type);
    if (resource === undefined) throw new TemplateFault(`refers to ${logicalId}, which the template does not have`);
    if (type === undefined) throw new TemplateFault(`refers to ${logicalId}, of the unknown type ${resource.Type}`);
    return { resource, type, named: { logicalId, name: nameOf(logicalId, resource, type), endpoints } };
  };

  const scope: IntrinsicScope = {
    ref(name) {
      const pseudo = pseudoParameters[name];
      if (pseudo !== undefined) return pseudo;
      const parameter = template.Parameters?.[name];
      if (parameter !== undefined) return parameterDefault(name, parameter);
      const { type, named } = find(name);
      return (type.ref ?? (({ name: own }: NamedResource) => own))(named);
    },
    attribute(logicalId, attribute) {
      const { resource, type, named } = find(logicalId);
      const read = type.attributes?.[attribute];
      if (read !== undefined) return read(named);
      throw new TemplateFault(
        `Fn::GetAtt of ${logicalId}.${attribute} (${resource.Type}) is not understood by the local runner; ` +
          'add the attribute to its type in lib/local/template/resources/',
      );
    },
    condition(name) {
      const expression = template.Conditions?.[name];
      if (expression === undefined)
        throw new TemplateFault(`refers to the condition ${name}, which the template does not have`);
      return evaluateCondition(expression, scope);
    },
  };
  return {
    scope,
    describe: (logicalId: string): NamedResource => find(logicalId).named,
    isPresent: (logicalId: string) => {
      const condition = template.Resources[logicalId]?.Condition;
      return condition === undefined || scope.condition(condition);
    },
  };
}

function parameterDefault(name: string, parameter: { readonly Type?: string; readonly Default?: unknown }): string {
  if (parameter.Type?.startsWith('AWS::SSM::') === true) {
    throw new TemplateFault(`refers to the parameter ${name}, which lives in SSM; nothing on this machine has it`);
  }
  if (parameter.Default === undefined) throw new TemplateFault(`refers to the parameter ${name}, which has no default`);
  return typeof parameter.Default === 'string' ? parameter.Default : JSON.stringify(parameter.Default);
}

function constructPath({ Metadata }: TemplateResource): string {
  const path = Metadata?.['aws:cdk:path'];
  return typeof path === 'string'
    ? path
        .split('/')
        .slice(1)
        .join('/')
        .replace(/\/(Default|Resource)$/, '')
    : '';
}
