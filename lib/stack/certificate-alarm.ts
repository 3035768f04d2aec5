import { Duration, Stack } from 'aws-cdk-lib';
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { EngineBuilder } from './engine-builder.ts';

/** ACM renews 60 days before the end, and tries again each day: a certificate with so few days left needs a person. */
const leastDays = 30;

/**
 * An alarm on the certificate of a custom domain. ACM tells its days twice a day.
 *
 * @param scope - The domain.
 */
export function addCertificateAlarm(
  scope: Construct,
  { alarms }: Pick<EngineBuilder, 'alarms'>,
  certificate: ICertificate,
): Alarm {
  return alarms.add(scope, 'CertificateExpiryAlarm', {
    meaning: `The certificate of the custom domain ends in less than ${leastDays} days, and was not renewed.`,
    runbookEntry: 'certificate-expiry',
    console: `acm/home?region=${Stack.of(scope).region}#/certificates/list`,
    metric: certificate.metricDaysToExpiry({ period: Duration.days(1), statistic: 'Minimum' }),
    threshold: leastDays,
    whenBelow: 'value',
  });
}
