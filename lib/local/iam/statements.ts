import type { PolicyDocument } from '../template/resources/iam.ts';
import type { StackResource, StackResources } from '../template/stack-resources.ts';
import { readConditions } from './conditions.ts';
import type { Statement } from './may-call.ts';

/** A role of the template with the statements of its attached policies. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly statements: readonly Statement[];
}

/** Emulated services, and KMS for their keys. Statements about other services have no effect here. */
const enforcedServices = ['dynamodb', 'events', 'kinesis', 'kms', 's3', 'sqs', 'sts'];

/**
 * AWS managed policies that functions commonly have, by name: their statements about enforced services.
 *
 * @see https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
const awsManagedPolicies: Readonly<Record<string, readonly Statement[]>> = {
  'service-role/AWSLambdaBasicExecutionRole': [],
  'service-role/AWSLambdaSQSQueueExecutionRole': [
    {
      effect: 'Allow',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: ['*'],
    },
  ],
  'service-role/AWSLambdaVPCAccessExecutionRole': [],
  AWSXRayDaemonWriteAccess: [],
};

/**
 * Collect the statements of a role's policies: inline policies, policies that name the role, managed policies.
 *
 * @param faults - Receives statements that cannot be evaluated, so that no decision is a guess.
 * @returns undefined when the template has no role of this ARN.
 */
export function readRole(resources: StackResources, roleArn: string, faults: string[]): Role | undefined {
  const role = resources.ofType('AWS::IAM::Role').find(({ arn }) => arn === roleArn);
  if (role === undefined) return undefined;
  const { Policies, ManagedPolicyArns } = role.properties;
  const managed = resources.ofType('AWS::IAM::ManagedPolicy');
  const documents: [where: string, document: PolicyDocument][] = [
    ...Policies.map(({ PolicyName, PolicyDocument }): [string, PolicyDocument] => [
      `${role.logicalId}.${PolicyName}`,
      PolicyDocument,
    ]),
    ...[
      ...resources.ofType('AWS::IAM::Policy').filter(({ properties }) => properties.Roles.includes(role.name)),
      ...managed.filter(
        ({ arn, properties }) => properties.Roles.includes(role.name) || ManagedPolicyArns.includes(arn ?? ''),
      ),
    ].map(({ logicalId, properties }): [string, PolicyDocument] => [logicalId, properties.PolicyDocument]),
  ];
  return {
    name: role.name,
    arn: roleArn,
    statements: [
      ...documents.flatMap(([where, document]) => readStatements(where, document, faults)),
      ...ManagedPolicyArns.filter((arn) => managed.every((policy) => policy.arn !== arn)).flatMap((arn) =>
        readAwsManagedPolicy(role, arn, faults),
      ),
    ],
  };
}

/** Statements that may decide about an enforced service. */
function readStatements(where: string, { Statement: list }: PolicyDocument, faults: string[]): Statement[] {
  return list.flatMap((statement, index) => {
    const { Effect, Action, Resource, NotAction, NotResource, Condition, Sid = index } = statement;
    const fault = (what: string) => {
      faults.push(`${where}: statement ${Sid}: ${what} is not understood by the local runner (lib/local/iam)`);
      return [];
    };
    if (NotAction !== undefined) return fault('NotAction');
    const actions = (Action ?? []).filter(mayBeEnforced);
    if (actions.length === 0) return [];
    if (NotResource !== undefined) return fault('NotResource');
    const conditions = readConditions(Condition);
    if (conditions === undefined) return fault(`Condition ${JSON.stringify(Condition)}`);
    const variable = (Resource ?? []).find((pattern) => pattern.includes('${'));
    if (variable !== undefined) return fault(`the policy variable in ${variable}`);
    return {
      effect: Effect,
      actions,
      resources: Resource ?? [],
      ...(conditions.length === 0 ? {} : { conditions }),
    };
  });
}

function readAwsManagedPolicy({ logicalId }: StackResource, arn: string, faults: string[]): readonly Statement[] {
  const known = awsManagedPolicies[arn.replace('arn:aws:iam::aws:policy/', '')];
  if (known !== undefined) return known;
  faults.push(`${logicalId}: the managed policy ${arn} is not known to the local runner; add it to lib/local/iam`);
  return [];
}

function mayBeEnforced(action: string): boolean {
  const service = (action.split(':')[0] ?? '').toLowerCase();
  return /[*?]/.test(service) || enforcedServices.includes(service);
}
