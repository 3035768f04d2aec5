import type { z } from 'zod';
import { arn } from '../template/resource-type.ts';
import type { keyProperties } from '../template/resources/iam.ts';
import type { StackResource, StackResources } from '../template/stack-resources.ts';
import type { Statement } from './may-call.ts';

type Key = StackResource<z.infer<typeof keyProperties>>;

/** The keys of the template, and which of them encrypts which resource. */
export interface EncryptionKeys {
  /** ARNs of all keys of the template. */
  readonly arns: readonly string[];
  /** ARN of the key by ARN of the table, bucket or queue. */
  readonly byResource: Readonly<Record<string, string>>;
  /** Statements of the key policies that allow a role. */
  allowedTo(roleArn: string): readonly Statement[];
}

const accountRoot = arn('iam', 'root', { region: '' });

/**
 * Find the customer-managed keys: those of tables, buckets and queues, and those that functions call. On AWS, a function
 * needs permission to use a key, from its role or from the key policy; also when it only reads or writes a resource that
 * the key encrypts.
 */
export function readEncryptionKeys(resources: StackResources, faults: string[]): EncryptionKeys {
  const declared = resources.ofType('AWS::KMS::Key');
  const encrypted = (resource: StackResource, keyId: string | undefined): [string, string][] => {
    // AWS managed keys allow every principal of the account that may use the service.
    if (keyId === undefined || keyId.startsWith('alias/aws/')) return [];
    const key = declared.find(({ ref, arn: keyArn }) => keyId === ref || keyId === keyArn);
    if (key?.arn === undefined || resource.arn === undefined) {
      faults.push(`${resource.logicalId}: its key ${keyId} is not an AWS::KMS::Key of the stack`);
      return [];
    }
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

  const grants = declared.flatMap((key) => readKeyPolicy(key, faults));
  return {
    arns: declared.flatMap(({ arn: keyArn }) => keyArn ?? []),
    byResource,
    allowedTo: (roleArn) =>
      grants.filter(({ principals }) => principals.includes(roleArn)).map(({ statement }) => statement),
  };
}

/** Statements of a key policy that name roles. The default policy delegates to the policies of the account's roles. */
function readKeyPolicy(
  { logicalId, arn: keyArn = '', properties }: Key,
  faults: string[],
): { principals: readonly string[]; statement: Statement }[] {
  const fault = (what: string) => void faults.push(`${logicalId}: KeyPolicy: ${what}`);
  let delegates = false;
  const grants = (properties.KeyPolicy?.Statement ?? []).flatMap(({ Effect, Principal, Action, Condition }) => {
    const principals = typeof Principal === 'string' ? [Principal] : (Principal['AWS'] ?? []);
    if (Effect === 'Deny' || principals.includes('*')) fault('Deny and "*" are not understood by the local runner');
    // Statements for services do not concern the callers here.
    if (principals.length === 0 || Effect === 'Deny') return [];
    if (Condition !== undefined) {
      fault(`Condition ${JSON.stringify(Condition)} is not understood by the local runner (lib/local/iam)`);
      return [];
    }
    if (principals.includes(accountRoot) && Action.includes('kms:*')) delegates = true;
    return { principals, statement: { effect: Effect, actions: Action, resources: [keyArn] } };
  });
  // CloudFormation's default policy delegates to the account.
  if (!delegates && properties.KeyPolicy !== undefined) {
    fault(`expected a statement that allows kms:* to ${accountRoot}; without it the policies of roles have no effect`);
  }
  return grants;
}
