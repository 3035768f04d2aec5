import { z } from 'zod';
import { arn, noLocalEffect, type ResourceType } from '../resource-type.ts';

export const ruleProperties = z.strictObject({
  Name: z.string().optional(),
  ScheduleExpression: z.string(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Targets: z.array(
    z.strictObject({ Arn: z.string(), Id: z.string(), Input: z.string().optional(), RetryPolicy: noLocalEffect }),
  ),
  Description: noLocalEffect,
  RoleArn: noLocalEffect,
  Tags: noLocalEffect,
});

export const ruleType: ResourceType<typeof ruleProperties> = {
  properties: ruleProperties,
  nameProperty: 'Name',
  nameLimit: { length: 64 },
  attributes: { Arn: ({ name }) => arn('events', `rule/${name}`) },
};

export const scheduleProperties = z.strictObject({
  Name: z.string().optional(),
  ScheduleExpression: z.string(),
  ScheduleExpressionTimezone: z.enum(['UTC', 'Etc/UTC']).optional(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  FlexibleTimeWindow: z.strictObject({ Mode: z.literal('OFF') }),
  Target: z.strictObject({
    Arn: z.string(),
    Input: z.string().optional(),
    RoleArn: z.unknown(),
    RetryPolicy: noLocalEffect,
  }),
  Description: noLocalEffect,
  KmsKeyArn: noLocalEffect,
});

export const scheduleType: ResourceType<typeof scheduleProperties> = {
  properties: scheduleProperties,
  nameProperty: 'Name',
  nameLimit: { length: 64 },
  attributes: { Arn: ({ name }) => arn('scheduler', `schedule/default/${name}`) },
};
