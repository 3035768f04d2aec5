import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export interface DataKeyProps {
  /** What the key protects; the KMS console shows it. */
  readonly description: string;
  /** RETAIN if the encrypted data is retained: losing the key loses the data. */
  readonly removalPolicy: RemovalPolicy;
}

/** A customer-managed key, rotated every year, with grants that name their actions. */
export class DataKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { description, removalPolicy }: DataKeyProps) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description,
      enableKeyRotation: true,
      removalPolicy,
      ...(removalPolicy === RemovalPolicy.DESTROY ? { pendingWindow: Duration.days(7) } : {}),
    });
  }

  /** Permissions to read an encrypted table or object. */
  grantDecrypt(grantee: IGrantable): void {
    this.key.grant(grantee, 'kms:Decrypt', 'kms:DescribeKey');
  }

  /** Permissions to write an encrypted object. */
  grantGenerateDataKey(grantee: IGrantable): void {
    this.key.grant(grantee, 'kms:GenerateDataKey');
  }

  /**
   * Permissions to write an encrypted table.
   *
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
   */
  grantEncryptDecrypt(grantee: IGrantable): void {
    this.grantDecrypt(grantee);
    this.key.grant(
      grantee,
      'kms:Encrypt',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyWithoutPlaintext',
      'kms:ReEncryptFrom',
      'kms:ReEncryptTo',
    );
  }
}
