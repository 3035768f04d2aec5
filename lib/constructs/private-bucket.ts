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
  /** Age at which S3 deletes objects. */
  readonly expiration: Duration;
  readonly encryptionKey: DataKey;
  readonly accessLogs: AccessLogBucket;
  readonly removalPolicy: RemovalPolicy;
  /**
   * Whether the bucket is emptied when it is deleted: CloudFormation deletes only an empty one.
   * @default false
   */
  readonly isEmptied?: boolean;
  /**
   * Protection against overwriting. `versioned` keeps the first version for the lifetime of the object. `locked` also
   * prevents its deletion before then, except by principals with the bypass permission (Object Lock, governance mode).
   * `immutable` prevents it for everyone, the account's root user included, and the lock can be neither shortened nor
   * lifted (Object Lock, compliance mode).
   * @default 'none' - the newest write wins
   * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes
   */
  readonly writeOnce?: 'none' | 'versioned' | 'locked' | 'immutable';
  /**
   * Shorter retentions, which a tag gives an object.
   * @default - all objects have the same retention
   */
  readonly retentionClasses?: readonly RetentionClass[];
}

/** Objects with a shorter retention than the others. */
export interface RetentionClass {
  /** Value of their tag. */
  readonly days: number;
  /** Age at which S3 deletes them. */
  readonly expiration: Duration;
}

/** A bucket that only named functions read or write: over TLS, encrypted, logged, for a limited time. */
export class PrivateBucket extends Construct {
  readonly bucket: Bucket;
  /** Whether Object Lock prevents the deletion of an object before it expires. */
  readonly isLocked: boolean;
  /** Whether the lock applies to everyone, the account's root user included. */
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
      // One data key for many objects; without it every object costs a request to KMS.
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
          // A locked version stays until its lock ends, even if overwritten, so noncurrent versions need no more time.
          ...(writeOnce === 'none'
            ? {}
            : { noncurrentVersionExpiration: this.isLocked ? Duration.days(1) : expiration }),
        },
        ...retentionClasses.map((one) => ({
          expiration: one.expiration,
          tagFilters: { [retentionTag]: String(one.days) },
          // An expired object becomes a noncurrent version, which nothing reads: it needs no further retention.
          ...(writeOnce === 'none' ? {} : { noncurrentVersionExpiration: Duration.days(1) }),
        })),
      ],
      removalPolicy: props.removalPolicy,
      autoDeleteObjects: props.isEmptied ?? false,
    });
  }

  get bucketName(): string {
    return this.bucket.bucketName;
  }

  /** Allow writing new objects, but neither reading nor deleting them. */
  grantPut(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:PutObject');
    this.encryptionKey.grantGenerateDataKey(grantee);
  }

  /** Allow reading objects. Without the permission to list, S3 answers 403, not 404, for an expired object. */
  grantGet(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:GetObject');
    Grant.addToPrincipal({ grantee, actions: ['s3:ListBucket'], resourceArns: [this.bucket.bucketArn] });
    this.encryptionKey.grantDecrypt(grantee);
  }

  /** Allow giving a new object a shorter retention than the bucket's. */
  grantRetain(grantee: IGrantable & IConstruct): void {
    this.grantOnObjects(grantee, 's3:PutObjectTagging', ...(this.isLocked ? ['s3:PutObjectRetention'] : []));
  }

  /** Allow finding and deleting objects with all their versions, locked ones included. */
  grantErase(grantee: IGrantable & IConstruct): void {
    if (this.isImmutable) throw new Error(`Nothing may delete an object of ${this.node.id}: the bucket is immutable.`);
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
