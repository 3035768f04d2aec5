import type { Answer, Body } from '../../engine-client.ts';

export type Destination = Answer<'GET /v1/subscriptions/{id}'>['destination'];
export type AwsDestination = Exclude<Destination, { type: 'http' }>;
type DestinationBody = NonNullable<Body<'POST /v1/subscriptions'>['destination']>;

export interface DestinationDraft {
  readonly sendsTo: Destination['type'];
  readonly url: string;
  /** A queue's URL, or the ARN of a bus or a stream. */
  readonly awsAddress: string;
  readonly roleArn: string;
  readonly eventSource: string;
}

export const emptyDestination: DestinationDraft = {
  sendsTo: 'http',
  url: '',
  awsAddress: '',
  roleArn: '',
  eventSource: '',
};

export function destinationDraftOf(url: string, destination: Destination): DestinationDraft {
  if (destination.type === 'http') return { ...emptyDestination, url };
  return {
    ...emptyDestination,
    sendsTo: destination.type,
    awsAddress: url,
    roleArn: destination.role_arn,
    eventSource: destination.type === 'eventbridge' ? destination.source : '',
  };
}

/** The members of a body that say where to send. */
export function receiverOf(draft: DestinationDraft): { url: string } | { destination: DestinationBody } {
  const { sendsTo } = draft;
  const address = draft.awsAddress.trim();
  const source = draft.eventSource.trim();
  const role_arn = draft.roleArn.trim();
  switch (sendsTo) {
    case 'http':
      return { url: draft.url.trim() };
    case 'sqs':
      return { destination: { type: sendsTo, queue_url: address, role_arn } };
    case 'eventbridge':
      return { destination: { type: sendsTo, bus_arn: address, role_arn, ...(source === '' ? {} : { source }) } };
    case 'kinesis':
      return { destination: { type: sendsTo, stream_arn: address, role_arn } };
  }
}

/** Who may assume the role: Tributary, for this one subscription. */
export function trustPolicyOf({ principal, external_id: externalId }: AwsDestination) {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: principal },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      },
    ],
  };
}

/** What the role needs. A queue or a stream with a key of its own needs permission for the key, too. */
export function permissionPolicyOf(destination: AwsDestination) {
  const [Action, Resource] = grantOf(destination);
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] };
}

function grantOf(destination: AwsDestination): readonly [string | readonly string[], string] {
  switch (destination.type) {
    case 'sqs':
      return ['sqs:SendMessage', queueArnOf(destination.queue_url, destination.role_arn)];
    case 'eventbridge':
      // PutEvents does not tell a bus that does not exist.
      return [['events:PutEvents', 'events:DescribeEventBus'], destination.bus_arn];
    case 'kinesis':
      return ['kinesis:PutRecord', destination.stream_arn];
  }
}

/** The role is in the partition of the queue. */
function queueArnOf(url: string, roleArn: string): string {
  const { hostname, pathname } = new URL(url);
  const [, region = ''] = hostname.split('.');
  const [, account = '', name = ''] = pathname.split('/');
  return `arn:${roleArn.split(':')[1] ?? 'aws'}:sqs:${region}:${account}:${name}`;
}
