import { z } from 'zod';
import { LocalEngineError } from '../errors.ts';
import type { Template, TemplateResource } from './assembly.ts';
import { type IntrinsicScope, resolveIntrinsics, TemplateFault } from './intrinsics.ts';
import { type LocalEndpoints, noLocalEffect, type ResourceType } from './resource-type.ts';
import { type EffectiveType, findResourceType, type resourceTypes } from './resource-types.ts';
import { createTemplateScope } from './template-scope.ts';

/** A resource of the stack with every property resolved and checked. */
export interface StackResource<Properties = unknown> {
  readonly logicalId: string;
  readonly type: string;
  /** Construct path without the stack and the trailing `Resource`: `Ingress/Function`. Empty when unknown. */
  readonly path: string;
  readonly name: string;
  /** Value of its `Ref`: a queue's URL, a table's name. */
  readonly ref: string;
  readonly arn: string | undefined;
  readonly properties: Properties;
}

type PropertiesOf<T extends EffectiveType> = z.infer<(typeof resourceTypes)[T]['properties']>;

export interface StackResources {
  readonly all: readonly StackResource[];
  ofType<T extends EffectiveType>(type: T): readonly StackResource<PropertiesOf<T>>[];
}

/** Template sections that the local runner acts on or may ignore. */
const knownSections = new Set([
  'AWSTemplateFormatVersion',
  'Conditions',
  'Description',
  'Metadata',
  'Outputs',
  'Parameters',
  'Resources',
  // Rules check an account's bootstrap version.
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
  const { scope, describe, isPresent } = createTemplateScope(template, stackName, endpoints);

  const all: StackResource[] = [];
  for (const [logicalId, resource] of Object.entries(template.Resources)) {
    const type = findResourceType(resource.Type);
    if (type === undefined) {
      faults.push(
        `${logicalId}: resource type ${resource.Type} is not understood by the local runner; ` +
          'describe it in lib/local/template/resources/, with its effect or as one without effect',
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

/** The checked properties, or their faults. */
function readProperties(
  resource: TemplateResource,
  type: ResourceType,
  scope: IntrinsicScope,
): { value: unknown } | string[] {
  const shape: Readonly<Record<string, unknown>> = type.properties instanceof z.ZodObject ? type.properties.shape : {};
  const faults: string[] = [];
  const resolved: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(resource.Properties ?? {})) {
    // Properties without a local effect stay unresolved: they may refer to anything in AWS.
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
