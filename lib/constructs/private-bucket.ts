import { Duration, type RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import type { AccessLogBucket } from './access-log-bucket.ts';
import type { DataKey } from './data-key.ts';

export interface PrivateBucketProps {
  /** Age at which objects are deleted. */
  readonly expiration: Duration;
  readonly encryptionKey: DataKey;
  readonly accessLogs: AccessLogBucket;
  readonly removalPolicy: RemovalPolicy;
  /**
   * How overwriting is held off: `versioned` keeps what was written first for as long as the object
   * lives; `locked` also stops anyone from deleting it before then (Object Lock, governance mode).
   * @default 'none' - the newest write wins
   */
  readonly writeOnce?: 'none' | 'versioned' | 'locked';
}

/** Objects that only named functions read or write, over TLS, encrypted, logged, for a limited time. */
export class PrivateBucket extends Construct {
  readonly bucket: Bucket;
  private readonly encryptionKey: DataKey;

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    const { expiration, writeOnce = 'none' } = props;
    this.encryptionKey = props.encryptionKey;
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.KMS,
      encryptionKey: props.encryptionKey.key,
      // One data key for many objects: without it every object costs a request to KMS.
      bucketKeyEnabled: true,
      enforceSSL: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      serverAccessLogsBucket: props.accessLogs.bucket,
      serverAccessLogsPrefix: `${id.toLowerCase()}/`,
      versioned: writeOnce !== 'none',
      ...(writeOnce === 'locked' ? { objectLockDefaultRetention: ObjectLockRetention.governance(expiration) } : {}),
      lifecycleRules: [
        {
          expiration,
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          ...(writeOnce === 'none' ? {} : { noncurrentVersionExpiration: expiration }),
        },
      ],
      removalPolicy: props.removalPolicy,
    });
  }

  get bucketName(): string {
    return this.bucket.bucketName;
  }

  /** Write new objects; neither read nor delete any. */
  grantPut(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:PutObject');
    this.encryptionKey.grantGenerateDataKey(grantee);
  }

  /** Read objects. Without the right to list, S3 answers 403 for an object that has expired, not 404. */
  grantGet(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:GetObject');
    Grant.addToPrincipal({ grantee, actions: ['s3:ListBucket'], resourceArns: [this.bucket.bucketArn] });
    this.encryptionKey.grantDecrypt(grantee);
  }

  private grantOnObjects(grantee: IGrantable & IConstruct, action: string): void {
    Grant.addToPrincipal({ grantee, actions: [action], resourceArns: [this.bucket.arnForObjects('*')] });
    const logicalId = Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket);
    Validations.of(grantee).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>/*]`,
      reason: 'Object keys are event and request ids, unknown before they exist; the bucket itself is named.',
    });
  }
}
