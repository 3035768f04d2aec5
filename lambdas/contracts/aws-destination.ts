/** The role that the engine assumes in the subscriber's account. */
interface AssumedRole {
  readonly role_arn: string;
  /** Chosen by the engine, one for each subscription, so that no caller can use a role that trusts another one. */
  readonly external_id: string;
}

export interface SqsDestination extends AssumedRole {
  readonly type: 'sqs';
  readonly queue_url: string;
}

export interface EventBridgeDestination extends AssumedRole {
  readonly type: 'eventbridge';
  readonly bus_arn: string;
  /** `source` of the events on the bus. */
  readonly source: string;
}

export interface KinesisDestination extends AssumedRole {
  readonly type: 'kinesis';
  readonly stream_arn: string;
}

/** Where a subscription in AWS sends to: a queue, an event bus or a stream in the subscriber's account. */
export type AwsDestination = SqsDestination | EventBridgeDestination | KinesisDestination;

/** A destination as its caller writes it: without the external id. */
export type AwsDestinationRequest =
  | Omit<SqsDestination, 'external_id'>
  | Omit<EventBridgeDestination, 'external_id'>
  | Omit<KinesisDestination, 'external_id'>;

/** What the address of a destination says. */
export interface AwsPlace {
  readonly partition: string;
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  readonly name: string;
  readonly arn: string;
}

/** Names of regions by partition, and the domain of their services. @see https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json */
const partitions = [
  { partition: 'aws', domain: 'amazonaws.com', regions: /^(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d{1,2}$/ },
  { partition: 'aws-cn', domain: 'amazonaws.com.cn', regions: /^cn-[a-z]+-\d{1,2}$/ },
  { partition: 'aws-us-gov', domain: 'amazonaws.com', regions: /^us-gov-[a-z]+-\d{1,2}$/ },
  { partition: 'aws-eusc', domain: 'amazonaws.eu', regions: /^eusc-de-[a-z]+-\d{1,2}$/ },
] as const;

function partitionOf(region: string) {
  return partitions.find(({ regions }) => regions.test(region));
}

/** Names of roles that the engine may assume begin so: no subscriber opens another role by accident. */
export const roleNamePrefix = 'tributary-';
/** Every external id begins so. The permissions of the functions require it. */
export const externalIdPrefix = 'tributary-';

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const roleArn = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(tributary-[\w+=,.@-]{1,54})$/;

/** @returns Undefined for a text that is not the ARN of a role that the engine may assume. */
export function readRoleArn(arn: string): Pick<AwsPlace, 'partition' | 'account' | 'name'> | undefined {
  const [, partition, account, name] = roleArn.exec(arn) ?? [];
  if (account === undefined || name === undefined || !partitions.some((one) => one.partition === partition))
    return undefined;
  return { partition: partition as string, account, name };
}

/**
 * Read the URL of a queue. Only the form of today is accepted: nothing of another URL could reach the engine's requests,
 * which go to {@link endpointOf}.
 *
 * @returns Undefined for any other text.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
 */
export function readQueueUrl(url: string): AwsPlace | undefined {
  const [, region = '', domain, account = '', name = ''] =
    /^https:\/\/sqs\.([a-z0-9-]+)\.(amazonaws\.[a-z.]+)\/(\d{12})\/([\w-]{1,80}|[\w-]{1,75}\.fifo)$/.exec(url) ?? [];
  const found = partitionOf(region);
  if (found === undefined || found.domain !== domain) return undefined;
  const { partition } = found;
  return { partition, region, account, name, arn: `arn:${partition}:sqs:${region}:${account}:${name}` };
}

/** @returns Undefined for a text that is not the ARN of an event bus. */
export function readBusArn(arn: string): AwsPlace | undefined {
  return readArn(arn, /^arn:(aws[a-z-]*):events:([a-z0-9-]+):(\d{12}):event-bus\/([\w.-]{1,256})$/);
}

/** @returns Undefined for a text that is not the ARN of a stream. */
export function readStreamArn(arn: string): AwsPlace | undefined {
  return readArn(arn, /^arn:(aws[a-z-]*):kinesis:([a-z0-9-]+):(\d{12}):stream\/([\w.-]{1,128})$/);
}

function readArn(arn: string, form: RegExp): AwsPlace | undefined {
  const [, partition, region = '', account = '', name = ''] = form.exec(arn) ?? [];
  if (partition === undefined || partitionOf(region)?.partition !== partition) return undefined;
  return { partition, region, account, name, arn };
}

/** The address of a destination: a queue's URL, or an ARN. */
export function addressOf(destination: AwsDestinationRequest): string {
  switch (destination.type) {
    case 'sqs':
      return destination.queue_url;
    case 'eventbridge':
      return destination.bus_arn;
    case 'kinesis':
      return destination.stream_arn;
  }
}

/** @returns Undefined when the address is invalid. */
export function placeOf(destination: AwsDestinationRequest): AwsPlace | undefined {
  const readers = { sqs: readQueueUrl, eventbridge: readBusArn, kinesis: readStreamArn };
  return readers[destination.type](addressOf(destination));
}

/** Origin of a service in a region. @throws RangeError for a region of no partition. */
export function endpointOf(service: 'sqs' | 'events' | 'kinesis' | 'sts', region: string): string {
  const found = partitionOf(region);
  if (found === undefined) throw new RangeError(`${region} is not a region of AWS`);
  return `https://${service}.${region}.${found.domain}`;
}
