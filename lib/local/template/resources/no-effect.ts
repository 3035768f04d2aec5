import { z } from 'zod';
import { arn, noLocalEffect, type ResourceType } from '../resource-type.ts';

/**
 * Types that nothing on this machine acts on. No property of theirs can have an effect, so none is
 * checked; their names and ARNs exist, since environments may carry them.
 */
const withoutEffect = (service: string): ResourceType => ({
  properties: z.looseObject({}),
  attributes: { Arn: ({ name }) => arn(service, name) },
});

/** Alarms do not fire here, so nothing is published; a subscriber inside the stack would still never hear. */
const subscriptionProperties = z.strictObject({
  Protocol: z.enum(['email', 'email-json', 'sms', 'http', 'https']),
  TopicArn: noLocalEffect,
  Endpoint: noLocalEffect,
  FilterPolicy: noLocalEffect,
  RedrivePolicy: noLocalEffect,
});

export const typesWithoutEffect: Readonly<Record<string, ResourceType>> = {
  'AWS::CDK::Metadata': withoutEffect('cdk'),
  'AWS::CloudWatch::Alarm': withoutEffect('cloudwatch'),
  'AWS::CloudWatch::CompositeAlarm': withoutEffect('cloudwatch'),
  'AWS::CloudWatch::Dashboard': withoutEffect('cloudwatch'),
  'AWS::KMS::Alias': withoutEffect('kms'),
  'AWS::Logs::LogGroup': {
    properties: z.looseObject({}),
    nameProperty: 'LogGroupName',
    attributes: { Arn: ({ name }) => arn('logs', `log-group:${name}:*`) },
  },
  'AWS::Logs::MetricFilter': withoutEffect('logs'),
  'AWS::Logs::QueryDefinition': withoutEffect('logs'),
  'AWS::Logs::ResourcePolicy': withoutEffect('logs'),
  // Resource policies are not evaluated: they deny plain HTTP, which is all that there is here, and let
  // AWS services in. What functions may do is for their roles to say (lib/local/iam).
  'AWS::S3::BucketPolicy': withoutEffect('s3'),
  'AWS::SNS::Subscription': { properties: subscriptionProperties },
  'AWS::SNS::Topic': {
    properties: z.looseObject({}),
    nameProperty: 'TopicName',
    ref: ({ name }) => arn('sns', name),
    attributes: { TopicArn: ({ name }) => arn('sns', name), TopicName: ({ name }) => name },
  },
  'AWS::SNS::TopicPolicy': withoutEffect('sns'),
  'AWS::SQS::QueuePolicy': withoutEffect('sqs'),
};
