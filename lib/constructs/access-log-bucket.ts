import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface AccessLogBucketProps {
  readonly retention: Duration;
  readonly removalPolicy: RemovalPolicy;
  /**
   * Whether the bucket is emptied when it is deleted.
   * @default false
   */
  readonly isEmptied?: boolean;
}

/**
 * Logs which principal read or wrote which object of the other buckets.
 *
 * Encrypted with S3's own key: S3 cannot deliver access logs to a bucket under a KMS key.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
 */
export class AccessLogBucket extends Construct {
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, { retention, removalPolicy, isEmptied = false }: AccessLogBucketProps) {
    super(scope, id);
    // Cast, because the types of aws-cdk-lib disagree under exactOptionalPropertyTypes.
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ expiration: retention, abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy,
      autoDeleteObjects: isEmptied,
    }) as IBucket;
  }
}
