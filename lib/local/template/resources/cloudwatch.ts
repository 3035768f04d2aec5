import { z } from 'zod';
import { arn, noLocalEffect, number, type ResourceType } from '../resource-type.ts';

const dimensions = z.array(z.strictObject({ Name: z.string(), Value: z.string() })).optional();

/** What the runner evaluates; nothing is published to the topics of the actions. */
export const alarmProperties = z.strictObject({
  AlarmName: z.string().optional(),
  AlarmDescription: z.string().optional(),
  Namespace: z.string().optional(),
  MetricName: z.string().optional(),
  Dimensions: dimensions,
  Statistic: z.string().optional(),
  ExtendedStatistic: z.string().optional(),
  Period: number.optional(),
  Metrics: z
    .array(
      z.strictObject({
        Id: z.string(),
        Label: z.string().optional(),
        Expression: z.string().optional(),
        Period: number.optional(),
        ReturnData: z.boolean().optional(),
        MetricStat: z
          .strictObject({
            Metric: z.strictObject({ Namespace: z.string(), MetricName: z.string(), Dimensions: dimensions }),
            Period: number,
            Stat: z.string(),
            Unit: noLocalEffect,
          })
          .optional(),
      }),
    )
    .optional(),
  EvaluationPeriods: number.pipe(z.int().min(1)),
  DatapointsToAlarm: number.pipe(z.int().min(1)).optional(),
  Threshold: number,
  ComparisonOperator: z.enum(['GreaterThanOrEqualToThreshold', 'LessThanThreshold']),
  TreatMissingData: z.enum(['breaching', 'notBreaching']),
  Unit: noLocalEffect,
  ActionsEnabled: noLocalEffect,
  AlarmActions: noLocalEffect,
  OKActions: noLocalEffect,
  Tags: noLocalEffect,
});

export type AlarmProperties = z.infer<typeof alarmProperties>;

export const alarmType: ResourceType<typeof alarmProperties> = {
  properties: alarmProperties,
  nameProperty: 'AlarmName',
  attributes: { Arn: ({ name }) => arn('cloudwatch', `alarm:${name}`) },
};
