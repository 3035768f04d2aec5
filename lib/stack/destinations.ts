import { Aws, Validations } from 'aws-cdk-lib';
import { Effect, Policy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { externalIdPrefix, roleNamePrefix } from '../../lambdas/contracts/aws-destination.ts';
import type { EngineFunction } from '../constructs/engine-function.ts';
import type { EngineBuilder } from './engine-builder.ts';

/** The deployment's own account, as the trust policies of subscribers name it. */
export const ownPrincipal = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:root`;

/**
 * Let a function assume the roles of subscribers: roles of other accounts with the prefix in their names, and only with
 * an external id of the engine. A role of the deployment's own account may trust all functions of the account, so that
 * no caller may name one, unless the deployer allows it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
 */
export function grantDestinations({ config }: EngineBuilder, grantee: EngineFunction): void {
  const actions = ['sts:AssumeRole'];
  const rolesOf = (account: string, name: string) => `arn:${Aws.PARTITION}:iam::${account}:role/${name}`;
  const policy = new Policy(grantee, 'Destinations', {
    roles: [grantee.grantPrincipal as Role],
    statements: [
      new PolicyStatement({
        actions,
        resources: [rolesOf('*', `${roleNamePrefix}*`)],
        conditions: { StringLike: { 'sts:ExternalId': `${externalIdPrefix}*` } },
      }),
      ...(config.ownAccountDestinations
        ? []
        : [new PolicyStatement({ effect: Effect.DENY, actions, resources: [rolesOf(Aws.ACCOUNT_ID, '*')] })]),
    ],
  });
  Validations.of(policy).acknowledge({
    id: `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::*:role/${roleNamePrefix}*]`,
    reason:
      'Subscribers create these roles in their own accounts, whose ids the deployment does not know. The name begins with a prefix, and the trust policy requires the external id of one subscription.',
  });
  if (!config.ownAccountDestinations)
    Validations.of(policy).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::<AWS::AccountId>:role/*]',
      reason: 'The statement denies: no role of the own account may be assumed.',
    });
}
