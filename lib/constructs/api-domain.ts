import { DomainName, IpAddressType, SecurityPolicy } from 'aws-cdk-lib/aws-apigatewayv2';
import { Certificate, CertificateValidation, type ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import { AaaaRecord, ARecord, type IHostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** A PEM file in S3 with the certificates of authorities. */
export interface Truststore {
  /** `s3://<bucket>/<key>` */
  readonly uri: string;
  /** API Gateway reads the file again only for another version. */
  readonly version: string;
}

export interface ApiDomainProps {
  readonly domainName: string;
  /** @default - one is made and validated in the zone */
  readonly certificateArn?: string | undefined;
  /**
   * Public zone that gets the alias records.
   * @default - the records are made elsewhere
   */
  readonly zone?: IHostedZone | undefined;
  /**
   * Authorities whose clients may connect (mutual TLS).
   * @default - every client may
   */
  readonly truststore?: Truststore | undefined;
  readonly ipAddressType: IpAddressType;
}

/**
 * A domain name in front of an HTTP API, with its certificate and its records.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html
 */
export class ApiDomain extends Construct {
  readonly domainName: DomainName;
  readonly certificate: ICertificate;
  readonly url: string;

  constructor(scope: Construct, id: string, props: ApiDomainProps) {
    super(scope, id);
    const { domainName, zone, ipAddressType } = props;
    this.url = `https://${domainName}`;
    this.certificate = this.certificateOf(props);
    this.domainName = new DomainName(this, 'Name', {
      domainName,
      certificate: this.certificate,
      securityPolicy: SecurityPolicy.TLS_1_2,
      ipAddressType,
      ...(props.truststore === undefined ? {} : { mtls: this.authoritiesIn(props.truststore) }),
    });
    if (zone === undefined) return;
    const target = RecordTarget.fromAlias(
      new ApiGatewayv2DomainProperties(this.domainName.regionalDomainName, this.domainName.regionalHostedZoneId),
    );
    new ARecord(this, 'Ipv4', { zone, recordName: `${domainName}.`, target });
    if (ipAddressType === IpAddressType.DUAL_STACK)
      new AaaaRecord(this, 'Ipv6', { zone, recordName: `${domainName}.`, target });
  }

  /** Where a record of the name must lead, if no zone is given. */
  get target(): string {
    return this.domainName.regionalDomainName;
  }

  private certificateOf({ domainName, certificateArn, zone }: ApiDomainProps): ICertificate {
    if (certificateArn !== undefined) return Certificate.fromCertificateArn(this, 'Certificate', certificateArn);
    return new Certificate(this, 'Certificate', { domainName, validation: CertificateValidation.fromDns(zone) });
  }

  private authoritiesIn({ uri, version }: Truststore) {
    const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    return { bucket: Bucket.fromBucketName(this, 'Truststore', bucket), key, version };
  }
}
