import type { z } from 'zod';
import { arn } from '../template/resource-type.ts';
import type { keyProperties } from '../template/resources/iam.ts';
import type { StackResource, StackResources } from '../template/stack-resources.ts';
import type { Statement } from './may-call.ts';

type Key = StackResource<z.infer<typeof keyProperties>>;

/** Which key of the template encrypts what. */
export interface EncryptionKeys {
  /** ARN of the key by ARN of the table, bucket or queue. */
  readonly byResource: Readonly<Record<string, string>>;
  /** What the policies of these keys themselves allow a role. */
  allowedTo(roleArn: string): readonly Statement[];
}

const accountRoot = arn('iam', 'root', { region: '' });

/**
 * Find the customer-managed keys of tables, buckets and queues. A function that reads or writes these on AWS
 * needs the key too, by a policy of its role or by the key's own.
 */
export function readEncryptionKeys(resources: StackResources, faults: string[]): EncryptionKeys {
  const declared = resources.ofType('AWS::KMS::Key');
  const used = new Set<Key>();
  const encrypted = (resource: StackResource, keyId: string | undefined): [string, string][] => {
    // AWS's own keys let everyone of the account in who may use the service.
    if (keyId === undefined || keyId.startsWith('alias/aws/')) return [];
    const key = declared.find(({ ref, arn: keyArn }) => keyId === ref || keyId === keyArn);
    if (key?.arn === undefined || resource.arn === undefined) {
      faults.push(`${resource.logicalId}: its key ${keyId} is no AWS::KMS::Key of the stack`);
      return [];
    }
    used.add(key);
    return [[resource.arn, key.arn]];
  };

  const byResource = Object.fromEntries([
    ...resources
      .ofType('AWS::DynamoDB::Table')
      .flatMap((table) => encrypted(table, table.properties.SSESpecification?.KMSMasterKeyId)),
    ...resources
      .ofType('AWS::S3::Bucket')
      .flatMap((bucket) =>
        (bucket.properties.BucketEncryption?.ServerSideEncryptionConfiguration ?? []).flatMap((rule) =>
          encrypted(bucket, rule.ServerSideEncryptionByDefault?.KMSMasterKeyID),
        ),
      ),
    ...resources.ofType('AWS::SQS::Queue').flatMap((queue) => encrypted(queue, queue.properties.KmsMasterKeyId)),
  ]);

  const grants = [...used].flatMap((key) => readKeyPolicy(key, faults));
  return {
    byResource,
    allowedTo: (roleArn) =>
      grants.filter(({ principals }) => principals.includes(roleArn)).map(({ statement }) => statement),
  };
}

/** What a key's policy allows roles by name. The usual policy leaves all to the policies of the account's roles. */
function readKeyPolicy(
  { logicalId, arn: keyArn = '', properties }: Key,
  faults: string[],
): { principals: readonly string[]; statement: Statement }[] {
  const fault = (what: string) => void faults.push(`${logicalId}: KeyPolicy: ${what}`);
  let delegates = false;
  const grants = (properties.KeyPolicy?.Statement ?? []).flatMap(({ Effect, Principal, Action, Condition }) => {
    const principals = typeof Principal === 'string' ? [Principal] : (Principal['AWS'] ?? []);
    if (Effect === 'Deny' || principals.includes('*')) fault('Deny and "*" are not understood by the local runner');
    // Services that use the key for themselves are none of our callers.
    if (principals.length === 0 || Effect === 'Deny') return [];
    if (Condition !== undefined) {
      fault(`Condition ${JSON.stringify(Condition)} is not understood by the local runner (lib/local/iam)`);
      return [];
    }
    if (principals.includes(accountRoot) && Action.includes('kms:*')) delegates = true;
    return { principals, statement: { effect: Effect, actions: Action, resources: [keyArn] } };
  });
  // CloudFormation's default policy is the one that leaves all to the account.
  if (!delegates && properties.KeyPolicy !== undefined) {
    fault(`expected a statement that allows kms:* to ${accountRoot}; without it the policies of roles do not count`);
  }
  return grants;
}
