import { z } from 'zod';
import { numeric, wholeNumber } from './whole-number.ts';

/**
 * Retention periods that CloudWatch Logs accepts.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const logRetentionChoices = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** How long the engine keeps data, and which payloads it keeps in S3. */
export const retentionSettings = {
  /**
   * Days that events, their payloads and their deliveries are kept. A tenant may have a shorter retention, never a
   * longer one.
   * @default 30
   */
  retentionDays: wholeNumber(1, 3650, 'days'),
  /**
   * Days that the raw archive keeps the requests of providers. More than 28: a message may wait that long in its
   * queue and then in the dead-letter queue, and must not outlive the body that it refers to. A tenant may have a
   * shorter retention: it then loses requests that wait longer.
   * @default 90 in prod, 30 elsewhere
   */
  rawRetentionDays: wholeNumber(29, 3650, 'days'),
  /**
   * Days that the audit is kept. In prod no user of the AWS account, its root user included, can change or delete an
   * entry's copy in S3 before then, and a smaller number applies to new entries only (Object Lock, compliance mode).
   * @default 400
   */
  auditRetentionDays: wholeNumber(1, 3650, 'days'),
  /**
   * Days that logs are kept.
   * @default 90 in prod, 14 elsewhere
   */
  logRetentionDays: numeric(z.number().refine((days) => logRetentionChoices.includes(days))).describe(
    `a number of days that CloudWatch Logs accepts (${logRetentionChoices.join(', ')})`,
  ),
  /**
   * Bytes above which a payload goes to S3; 0 sends every payload there. The maximum is well below the sizes of an
   * SQS message (1 MiB) and a DynamoDB item (400 KB), because a body may grow sixfold in JSON.
   * @default 8192
   */
  claimThresholdBytes: wholeNumber(0, 64 * 1024, 'bytes'),
};
