import type { Template, TemplateResource } from './assembly.ts';
import { evaluateCondition, type IntrinsicScope, resolveIntrinsics, TemplateFault } from './intrinsics.ts';
import {
  generateName,
  type LocalEndpoints,
  localAccountId,
  localRegion,
  localUrlSuffix,
  type NamedResource,
  type ResourceType,
} from './resource-type.ts';
import { findResourceType } from './resource-types.ts';

/** The values that the intrinsics of a template may refer to: parameters, resources, conditions. */
export function createTemplateScope(template: Template, stackName: string, endpoints: LocalEndpoints) {
  const pseudoParameters: Readonly<Record<string, string>> = {
    'AWS::AccountId': localAccountId,
    'AWS::Partition': 'aws',
    'AWS::Region': localRegion,
    'AWS::StackId': `arn:aws:cloudformation:${localRegion}:${localAccountId}:stack/${stackName}/local`,
    'AWS::StackName': stackName,
    'AWS::URLSuffix': localUrlSuffix,
  };
  const find = createResourceFinder(template, stackName, endpoints, (value) => resolveIntrinsics(value, scope));

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

/**
 * Finds the resource that a reference names, with the type and the physical name that it has.
 *
 * @param resolve - Resolves the intrinsics of a name that the template gives.
 */
function createResourceFinder(
  template: Template,
  stackName: string,
  endpoints: LocalEndpoints,
  resolve: (value: unknown) => unknown,
) {
  const names = new Map<string, string>();
  const resolving = new Set<string>();

  const nameOf = (logicalId: string, resource: TemplateResource, type: ResourceType): string => {
    const known = names.get(logicalId);
    if (known !== undefined) return known;
    if (resolving.has(logicalId)) throw new TemplateFault(`the name of ${logicalId} refers to itself`);
    resolving.add(logicalId);
    const given = [type.nameProperty ?? []].flat().map((property) => resource.Properties?.[property]);
    const parts = given.map((part) => (part === undefined ? undefined : resolve(part)));
    const isNamed = parts.length > 0 && parts.every((part) => typeof part === 'string');
    const name = isNamed ? parts.join(':') : generateName(stackName, logicalId, type.nameLimit);
    resolving.delete(logicalId);
    names.set(logicalId, name);
    return name;
  };
  return (logicalId: string) => {
    const resource = template.Resources[logicalId];
    const type = resource === undefined ? undefined : findResourceType(resource.Type);
    if (resource === undefined) throw new TemplateFault(`refers to ${logicalId}, which the template does not have`);
    if (type === undefined) throw new TemplateFault(`refers to ${logicalId}, of the unknown type ${resource.Type}`);
    return { resource, type, named: { logicalId, name: nameOf(logicalId, resource, type), endpoints } };
  };
}

function parameterDefault(name: string, parameter: { readonly Type?: string; readonly Default?: unknown }): string {
  if (parameter.Type?.startsWith('AWS::SSM::') === true) {
    throw new TemplateFault(`refers to the parameter ${name}, which is in SSM; the local runner has no SSM`);
  }
  if (parameter.Default === undefined) throw new TemplateFault(`refers to the parameter ${name}, which has no default`);
  return typeof parameter.Default === 'string' ? parameter.Default : JSON.stringify(parameter.Default);
}
