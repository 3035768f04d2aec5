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
import { retentionTag } from '../../lambdas/contracts/retention-classes.ts';
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
   * lives; `locked` also stops everyone who may not bypass that from deleting it before then (Object Lock, governance
   * mode); `immutable` stops everyone, the account's root user included, and can be neither shortened nor lifted
   * (Object Lock, compliance mode).
   * @default 'none' - the newest write wins
   * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes
   */
  readonly writeOnce?: 'none' | 'versioned' | 'locked' | 'immutable';
  /**
   * Retentions that an object may have of its own, by its tag.
   * @default - all are kept for as long
   */
  readonly retentionClasses?: readonly RetentionClass[];
}

/** Objects that are kept for a shorter time than all others. */
export interface RetentionClass {
  /** What their tag says. */
  readonly days: number;
  /** Age at which they are deleted. */
  readonly expiration: Duration;
}

/** Objects that only named functions read or write, over TLS, encrypted, logged, for a limited time. */
export class PrivateBucket extends Construct {
  readonly bucket: Bucket;
  /** Whether Object Lock keeps an object from being deleted before its time. */
  readonly isLocked: boolean;
  /** Whether it does so for everyone, the account's root user included. */
  private readonly isImmutable: boolean;
  private readonly encryptionKey: DataKey;

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    const { expiration, writeOnce = 'none', retentionClasses = [] } = props;
    this.isImmutable = writeOnce === 'immutable';
    this.isLocked = writeOnce === 'locked' || this.isImmutable;
    const lock = this.isImmutable
      ? ObjectLockRetention.compliance(expiration)
      : ObjectLockRetention.governance(expiration);
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
      ...(this.isLocked ? { objectLockDefaultRetention: lock } : {}),
      lifecycleRules: [
        {
          expiration,
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          // What is locked stays for its time whatever becomes of it; then it need not be kept once more for as long.
          ...(writeOnce === 'none'
            ? {}
            : { noncurrentVersionExpiration: this.isLocked ? Duration.days(1) : expiration }),
        },
        ...retentionClasses.map((one) => ({
          expiration: one.expiration,
          tagFilters: { [retentionTag]: String(one.days) },
          // What expired is a version then, which is not read: it need not be kept once more for as long.
          ...(writeOnce === 'none' ? {} : { noncurrentVersionExpiration: Duration.days(1) }),
        })),
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

  /** Give a new object a retention of its own, shorter than the bucket's. */
  grantRetain(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:PutObjectTagging', ...(this.isLocked ? ['s3:PutObjectRetention'] : []));
  }

  /** Find and delete objects, every version of them, those that are locked, too. */
  grantErase(grantee: IGrantable & IConstruct): void {
    if (this.isImmutable) throw new Error(`Nothing may delete an object of ${this.node.id}: it is immutable.`);
    this.grantOnObjects(
      grantee,
      's3:DeleteObject',
      's3:DeleteObjectVersion',
      ...(this.isLocked ? ['s3:BypassGovernanceRetention'] : []),
    );
    Grant.addToPrincipal({ grantee, actions: ['s3:ListBucketVersions'], resourceArns: [this.bucket.bucketArn] });
  }

  private grantOnObjects(grantee: IGrantable & IConstruct, ...actions: string[]): void {
    Grant.addToPrincipal({ grantee, actions, resourceArns: [this.bucket.arnForObjects('*')] });
    const logicalId = Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket);
    Validations.of(grantee).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>/*]`,
      reason: 'Object keys are event and request ids, unknown before they exist; the bucket itself is named.',
    });
  }
}
