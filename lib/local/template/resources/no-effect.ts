import { z } from 'zod';
import { arn, noLocalEffect, type ResourceType } from '../resource-type.ts';

/**
 * Types without effect on this machine. Their properties are not checked; they have names and ARNs, because
 * environments may contain those.
 */
const withoutEffect = (service: string): ResourceType => ({
  properties: z.looseObject({}),
  attributes: { Arn: ({ name }) => arn(service, name) },
});

/** Topics publish nothing here; a subscriber inside the stack would silently receive nothing. */
const subscriptionProperties = z.strictObject({
  Protocol: z.enum(['email', 'email-json', 'sms', 'http', 'https']),
  TopicArn: noLocalEffect,
  Endpoint: noLocalEffect,
  FilterPolicy: noLocalEffect,
  RedrivePolicy: noLocalEffect,
});

export const typesWithoutEffect: Readonly<Record<string, ResourceType>> = {
  'AWS::CDK::Metadata': withoutEffect('cdk'),
  'AWS::CloudWatch::CompositeAlarm': withoutEffect('cloudwatch'),
  'AWS::CloudWatch::Dashboard': withoutEffect('cloudwatch'),
  // A template is run at once: nothing is shifted from one version to another.
  'AWS::CodeDeploy::Application': withoutEffect('codedeploy'),
  'AWS::CodeDeploy::DeploymentGroup': withoutEffect('codedeploy'),
  'AWS::KMS::Alias': withoutEffect('kms'),
  'AWS::Logs::LogGroup': {
    properties: z.looseObject({}),
    nameProperty: 'LogGroupName',
    attributes: { Arn: ({ name }) => arn('logs', `log-group:${name}:*`) },
  },
  'AWS::Logs::MetricFilter': withoutEffect('logs'),
  'AWS::Logs::QueryDefinition': withoutEffect('logs'),
  'AWS::Logs::ResourcePolicy': withoutEffect('logs'),
  // Resource policies are not evaluated: they deny plain HTTP, which everything here uses, and allow AWS services.
  // The roles of functions define their permissions (lib/local/iam).
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
