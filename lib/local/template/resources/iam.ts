import { z } from 'zod';
import { arn, noLocalEffect, type ResourceType } from '../resource-type.ts';

const oneOrMore = z.union([z.string().transform((value) => [value]), z.array(z.string())]);
const oneOrMoreStatements = <T extends z.ZodType>(statement: T) =>
  z.union([z.array(statement), statement.transform((one) => [one])]);

const effect = z.enum(['Allow', 'Deny']);

const policyDocument = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: oneOrMoreStatements(
    z.strictObject({
      Sid: z.string().optional(),
      Effect: effect,
      Action: oneOrMore.optional(),
      Resource: oneOrMore.optional(),
      // Accepted where they have no effect; otherwise lib/local/iam reports them.
      NotAction: oneOrMore.optional(),
      NotResource: oneOrMore.optional(),
      Condition: z.unknown().optional(),
    }),
  ),
});

export type PolicyDocument = z.infer<typeof policyDocument>;

export const roleProperties = z.strictObject({
  RoleName: z.string().optional(),
  Policies: z.array(z.strictObject({ PolicyName: z.string(), PolicyDocument: policyDocument })).default([]),
  ManagedPolicyArns: z.array(z.string()).default([]),
  AssumeRolePolicyDocument: noLocalEffect,
  Description: noLocalEffect,
  MaxSessionDuration: noLocalEffect,
  Tags: noLocalEffect,
});

export const roleType: ResourceType<typeof roleProperties> = {
  properties: roleProperties,
  nameProperty: 'RoleName',
  nameLimit: { length: 64 },
  attributes: { Arn: ({ name }) => arn('iam', `role/${name}`, { region: '' }), RoleId: ({ name }) => name },
};

export const policyProperties = z.strictObject({
  PolicyName: z.string(),
  PolicyDocument: policyDocument,
  Roles: z.array(z.string()).default([]),
  // Functions call as roles, not as users of a group.
  Groups: noLocalEffect,
  Users: noLocalEffect,
});

export const policyType: ResourceType<typeof policyProperties> = { properties: policyProperties };

export const managedPolicyProperties = z.strictObject({
  ManagedPolicyName: z.string().optional(),
  PolicyDocument: policyDocument,
  Roles: z.array(z.string()).default([]),
  Groups: noLocalEffect,
  Users: noLocalEffect,
  Description: noLocalEffect,
  Path: z.literal('/').optional(),
});

const managedPolicyArn = ({ name }: { name: string }) => arn('iam', `policy/${name}`, { region: '' });

export const managedPolicyType: ResourceType<typeof managedPolicyProperties> = {
  properties: managedPolicyProperties,
  nameProperty: 'ManagedPolicyName',
  ref: managedPolicyArn,
  attributes: { Arn: managedPolicyArn, PolicyArn: managedPolicyArn },
};

export const keyProperties = z.strictObject({
  KeyPolicy: z
    .strictObject({
      Version: z.literal('2012-10-17'),
      Statement: oneOrMoreStatements(
        z.strictObject({
          Sid: z.string().optional(),
          Effect: effect,
          Principal: z.union([z.literal('*'), z.record(z.string(), oneOrMore)]),
          Action: oneOrMore,
          Resource: noLocalEffect,
          Condition: z.unknown().optional(),
        }),
      ),
    })
    .optional(),
  BypassPolicyLockoutSafetyCheck: noLocalEffect,
  Description: noLocalEffect,
  Enabled: noLocalEffect,
  EnableKeyRotation: noLocalEffect,
  PendingWindowInDays: noLocalEffect,
  RotationPeriodInDays: noLocalEffect,
  Tags: noLocalEffect,
});

export const keyType: ResourceType<typeof keyProperties> = {
  properties: keyProperties,
  attributes: { Arn: ({ name }) => arn('kms', `key/${name}`), KeyId: ({ name }) => name },
};
