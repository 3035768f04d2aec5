import { type CfnResource, type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

export interface BucketEmptierProps {
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/** Construct ids of CDK's function that empties buckets before CloudFormation deletes them (`autoDeleteObjects`). */
const emptier = ['Custom::S3AutoDeleteObjectsCustomResourceProvider', 'Handler'] as const;

/** Give the function that empties buckets a log group of the stack; Lambda's own would stay for ever. */
export function keepEmptierLogs(scope: Construct, { logRetention, removalPolicy }: BucketEmptierProps): void {
  const [provider, handler] = emptier;
  const found = Stack.of(scope).node.findChild(provider).node.findChild(handler) as CfnResource;
  const logs = new LogGroup(scope, 'EmptierLogs', { retention: logRetention, removalPolicy });
  found.addPropertyOverride('LoggingConfig', { LogFormat: 'JSON', LogGroup: logs.logGroupName });
}
