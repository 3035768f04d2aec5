import type { ResourceType } from './resource-type.ts';
import { apiType, integrationType, routeType, stageType } from './resources/api-gateway.ts';
import { alarmType } from './resources/cloudwatch.ts';
import { globalTableType, tableType } from './resources/dynamodb.ts';
import { ruleType, scheduleType } from './resources/events.ts';
import { keyType, managedPolicyType, policyType, roleType } from './resources/iam.ts';
import {
  aliasType,
  eventInvokeConfigType,
  eventSourceMappingType,
  functionType,
  permissionType,
  urlType,
  versionType,
} from './resources/lambda.ts';
import { typesWithoutEffect } from './resources/no-effect.ts';
import { bucketType } from './resources/s3.ts';
import { queueType } from './resources/sqs.ts';

/** Every resource type that the runner understands. Any other type is a fault. */
export const resourceTypes = {
  'AWS::ApiGatewayV2::Api': apiType,
  'AWS::ApiGatewayV2::Integration': integrationType,
  'AWS::ApiGatewayV2::Route': routeType,
  'AWS::ApiGatewayV2::Stage': stageType,
  'AWS::CloudWatch::Alarm': alarmType,
  'AWS::DynamoDB::GlobalTable': globalTableType,
  'AWS::DynamoDB::Table': tableType,
  'AWS::Events::Rule': ruleType,
  'AWS::IAM::ManagedPolicy': managedPolicyType,
  'AWS::IAM::Policy': policyType,
  'AWS::IAM::Role': roleType,
  'AWS::KMS::Key': keyType,
  'AWS::Lambda::Alias': aliasType,
  'AWS::Lambda::EventInvokeConfig': eventInvokeConfigType,
  'AWS::Lambda::EventSourceMapping': eventSourceMappingType,
  'AWS::Lambda::Function': functionType,
  'AWS::Lambda::Permission': permissionType,
  'AWS::Lambda::Url': urlType,
  'AWS::Lambda::Version': versionType,
  'AWS::S3::Bucket': bucketType,
  'AWS::SQS::Queue': queueType,
  'AWS::Scheduler::Schedule': scheduleType,
} as const;

export type EffectiveType = keyof typeof resourceTypes;

export function findResourceType(type: string): ResourceType | undefined {
  return (resourceTypes as Readonly<Record<string, ResourceType>>)[type] ?? typesWithoutEffect[type];
}
