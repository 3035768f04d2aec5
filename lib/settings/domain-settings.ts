import { z } from 'zod';

const hostName = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const certificate = z
  .string()
  .regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[0-9a-f-]{36}$/)
  .optional()
  .describe(
    'the ARN of a certificate of ACM in the region of the stack, such as "arn:aws:acm:eu-west-1:123456789012:certificate/…"',
  );
const domain = z.string().regex(hostName).optional().describe('a domain name in lower case, such as "api.example.com"');

/** Under which domain names the stack answers, and who may connect to them. */
export const domainSettings = {
  /**
   * Domain name of the API and the console, and of webhooks where `ingressDomainName` is not set.
   * @default - none: the HTTP API's own endpoint
   * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html
   */
  domainName: domain,
  /**
   * Second domain name, for webhooks alone. Mutual TLS applies to a whole domain name, so it needs this one.
   * @default - none: webhooks come to domainName
   */
  ingressDomainName: domain,
  /**
   * Certificate of `domainName`, and of `ingressDomainName` where that has none of its own.
   * @default - one is made and validated in the hosted zone
   */
  certificateArn: certificate,
  /**
   * Certificate of `ingressDomainName`.
   * @default - one is made and validated in the hosted zone; without a zone, certificateArn serves both names
   */
  ingressCertificateArn: certificate,
  /**
   * Id of the public hosted zone of Route 53 that gets the alias records, and in which certificates are validated.
   * @default - none: you create the records yourself, from the outputs of the stack
   */
  hostedZoneId: z
    .string()
    .regex(/^Z[A-Z0-9]{5,31}$/)
    .optional()
    .describe('the id of a hosted zone, such as "Z0123456789ABCDEFGHIJ"'),
  /** Name of that zone. */
  hostedZoneName: z
    .string()
    .regex(hostName)
    .optional()
    .describe('the name of a hosted zone without a dot at the end, such as "example.com"'),
  /**
   * Certificates of the authorities whose clients may bring webhooks, as one PEM file in S3: turns on mutual TLS for
   * `ingressDomainName`.
   * @default - none: no client certificate is asked for
   * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html
   */
  truststoreUri: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/\S{1,1024}$/)
    .optional()
    .describe('the place of a PEM file in S3, such as "s3://my-bucket/truststore.pem"'),
  /** Version of that object: a new file takes effect with the deployment that names its version. */
  truststoreVersion: z
    .string()
    .regex(/^[\w.-]{1,1024}$/)
    .optional()
    .describe('the version id of the object in S3; its bucket must keep versions'),
  /**
   * Whether the HTTP API answers at its own endpoint (execute-api) besides its domain name. With mutual TLS that of
   * webhooks is closed in any case.
   * @default open, so that providers may move to the domain name one by one
   */
  executeApiEndpoint: z.enum(['open', 'closed']).describe('open or closed'),
  /**
   * Addresses at which the HTTP API and its domain names answer. With `dualstack`, callers and providers may use IPv6.
   * @default ipv4
   */
  ipAddressType: z.enum(['ipv4', 'dualstack']).describe('ipv4 or dualstack'),
};

type DomainSettings = z.output<z.ZodObject<typeof domainSettings>>;

/** Faults of settings that do not fit each other, one for each. @param sourceOf - Where the deployer set a setting. */
export function domainFaults(
  settings: DomainSettings & { readonly publicUrl?: string | undefined },
  stage: string | undefined,
  sourceOf: (name: keyof DomainSettings | 'publicUrl') => string,
): readonly string[] {
  const { domainName, certificateArn, hostedZoneId, hostedZoneName } = settings;
  const faults: string[] = [];
  const add = (name: Parameters<typeof sourceOf>[0], message: string) => faults.push(`${sourceOf(name)}: ${message}`);

  if (domainName === undefined) {
    for (const name of ['ingressDomainName', 'certificateArn', 'hostedZoneId', 'hostedZoneName'] as const)
      if (settings[name] !== undefined) add(name, 'needs domainName: set it too, or leave this out');
    if (settings.executeApiEndpoint === 'closed')
      add('executeApiEndpoint', 'got "closed", expected open without domainName: nothing else would answer');
  } else {
    if (stage === 'local') add('domainName', 'the stage local has no domain name: it serves this machine');
    if (settings.publicUrl !== undefined)
      add('publicUrl', 'follows domainName: leave it out, or leave domainName out where a CDN has that name');
    if (certificateArn === undefined && hostedZoneId === undefined)
      add('domainName', 'needs a certificate: set certificateArn, or hostedZoneId and hostedZoneName to make one');
  }
  if ((hostedZoneId === undefined) !== (hostedZoneName === undefined))
    add(hostedZoneId === undefined ? 'hostedZoneName' : 'hostedZoneId', 'set hostedZoneId and hostedZoneName together');
  for (const name of ['domainName', 'ingressDomainName'] as const)
    if (hostedZoneName !== undefined && settings[name] !== undefined && !isWithin(settings[name], hostedZoneName))
      add(name, `got "${settings[name]}", expected a name within the hosted zone ${hostedZoneName}`);
  return [...faults, ...ingressFaults(settings, sourceOf)];
}

function ingressFaults(settings: DomainSettings, sourceOf: (name: keyof DomainSettings) => string): readonly string[] {
  const { domainName, ingressDomainName, truststoreUri, truststoreVersion } = settings;
  const faults: string[] = [];
  const add = (name: keyof DomainSettings, message: string) => faults.push(`${sourceOf(name)}: ${message}`);
  if (ingressDomainName === undefined) {
    if (settings.ingressCertificateArn !== undefined)
      add('ingressCertificateArn', 'needs ingressDomainName: set it too, or leave this out');
    if (truststoreUri !== undefined)
      add(
        'truststoreUri',
        'needs ingressDomainName: mutual TLS applies to a whole domain name, and browsers and callers of the API have no client certificate',
      );
  } else if (ingressDomainName === domainName) {
    add('ingressDomainName', `got "${ingressDomainName}", expected another name than domainName`);
  }
  if ((truststoreUri === undefined) !== (truststoreVersion === undefined))
    add(
      truststoreUri === undefined ? 'truststoreVersion' : 'truststoreUri',
      'set truststoreUri and truststoreVersion together: API Gateway reads the file again only for another version',
    );
  return faults;
}

/** Settings that would not reach an HTTP API that the app gives: its endpoint is the app's. */
export function givenApiFaults({
  domainName,
  executeApiEndpoint,
  ipAddressType,
}: Pick<DomainSettings, 'domainName' | 'executeApiEndpoint' | 'ipAddressType'>): readonly string[] {
  return [
    ...(executeApiEndpoint === 'open'
      ? []
      : [
          `executeApiEndpoint: got "${executeApiEndpoint}", expected open beside httpApi: close the endpoint of your own API (disableExecuteApiEndpoint)`,
        ]),
    // That of the domain names is applied.
    ...(ipAddressType === 'ipv4' || domainName !== undefined
      ? []
      : [
          `ipAddressType: got "${ipAddressType}", expected ipv4 beside httpApi without domainName: set it on your own API`,
        ]),
  ];
}

/** Defaults that follow from other settings: with mutual TLS the canary is off. */
export function defaultsBeside({ truststoreUri }: { readonly truststoreUri?: unknown }): { readonly canary?: 'off' } {
  return truststoreUri === undefined ? {} : { canary: 'off' };
}

/** @param sourceOf - Where the deployer set a setting. */
export function canaryFaults(
  { truststoreUri, canary }: Pick<DomainSettings, 'truststoreUri'> & { readonly canary: 'on' | 'off' },
  sourceOf: (name: 'canary') => string,
): readonly string[] {
  if (truststoreUri === undefined || canary === 'off') return [];
  return [
    `${sourceOf('canary')}: got "on", expected off with truststoreUri: the canary has no client certificate, so API Gateway would refuse its webhooks`,
  ];
}

function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}
