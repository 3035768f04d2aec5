import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export interface DataKeyProps {
  /** What the key protects, as an administrator reads it in the KMS console. */
  readonly description: string;
  /** RETAIN where the data that it encrypts is retained: without the key that data is lost. */
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

  /** What reading an encrypted table or object takes. */
  grantDecrypt(grantee: IGrantable): void {
    this.key.grant(grantee, 'kms:Decrypt', 'kms:DescribeKey');
  }

  /** What writing an encrypted object takes. */
  grantGenerateDataKey(grantee: IGrantable): void {
    this.key.grant(grantee, 'kms:GenerateDataKey');
  }

  /**
   * What writing an encrypted table takes.
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
