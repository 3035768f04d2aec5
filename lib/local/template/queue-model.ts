import type { StackResources } from './stack-resources.ts';

export interface QueueModel {
  readonly logicalId: string;
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  /** In the form of SQS's CreateQueue. */
  readonly attributes: Readonly<Record<string, string>>;
}

export function readQueues(resources: StackResources): QueueModel[] {
  return resources.ofType('AWS::SQS::Queue').map(({ logicalId, name, ref, arn, properties }) => {
    const { QueueName: _name, RedrivePolicy, RedriveAllowPolicy: _allow, ...own } = properties;
    const attributes = [
      ['VisibilityTimeout', own.VisibilityTimeout],
      ['DelaySeconds', own.DelaySeconds],
      ['MaximumMessageSize', own.MaximumMessageSize],
      ['MessageRetentionPeriod', own.MessageRetentionPeriod],
      ['ReceiveMessageWaitTimeSeconds', own.ReceiveMessageWaitTimeSeconds],
      ['RedrivePolicy', RedrivePolicy === undefined ? undefined : JSON.stringify(RedrivePolicy)],
    ] as const;
    return {
      logicalId,
      name,
      url: ref,
      arn: arn ?? name,
      attributes: Object.fromEntries(
        attributes.flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
      ),
    };
  });
}
