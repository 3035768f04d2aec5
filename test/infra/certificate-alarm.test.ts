import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { expect, test } from 'vitest';
import { OperatorAlarms } from '../../lib/constructs/operator-alarms.ts';
import { addCertificateAlarm } from '../../lib/stack/certificate-alarm.ts';

test('a certificate raises an alarm 30 days before its end, and none while ACM has told nothing yet', () => {
  const scope = new Stack(new App(), 'Test');
  const alarms = new OperatorAlarms(scope, 'Alarms', { removalPolicy: RemovalPolicy.DESTROY });
  const certificate = new Certificate(scope, 'Certificate', { domainName: 'hooks.example.com' });
  const alarm = addCertificateAlarm(scope, { alarms }, certificate);
  Template.fromStack(scope).hasResourceProperties('AWS::CloudWatch::Alarm', {
    Namespace: 'AWS/CertificateManager',
    MetricName: 'DaysToExpiry',
    Dimensions: [{ Name: 'CertificateArn', Value: { Ref: Match.stringLikeRegexp('^Certificate') } }],
    Statistic: 'Minimum',
    Period: 86_400,
    Threshold: 30,
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'notBreaching',
    OKActions: Match.anyValue(),
  });
  expect(alarm.node.id).toBe('CertificateExpiryAlarm');
});
