import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** The certificate and key with which the engine identifies itself to an endpoint (mutual TLS). */
export interface ClientCertificate {
  /** PEM: the certificate, then its issuers, in order. */
  readonly certificate: string;
  /** PEM of the private key, not encrypted. */
  readonly private_key: string;
}

export interface CertificateFault {
  readonly path: keyof ClientCertificate;
  /** Never quotes the key. */
  readonly message: string;
}

/** Certificates in a chain; no client needs more. */
const maxChain = 5;
/** OpenSSL does not connect with a shorter key. @see https://docs.openssl.org/3.5/man3/SSL_CTX_set_security_level */
const minRsaBits = 2048;

/** Faults of a certificate and its key at any time: format, order of the chain, and whether they belong together. */
export function certificateFaults({ certificate, private_key }: ClientCertificate): readonly CertificateFault[] {
  const faults: CertificateFault[] = [];
  if (certificate.includes('PRIVATE KEY-----'))
    faults.push({ path: 'certificate', message: 'expected certificates only, got a private key among them' });
  const chain = readChain(certificate);
  if (chain === undefined) faults.push({ path: 'certificate', message: 'expected PEM certificates' });
  else if (chain.length > maxChain)
    faults.push({ path: 'certificate', message: `expected at most ${maxChain} certificates, got ${chain.length}` });
  else {
    const broken = chain.findIndex((issuer, index) => index > 0 && !issued(issuer, chain[index - 1]));
    if (broken > 0)
      faults.push({
        path: 'certificate',
        message: `expected each certificate to be issued by the next; number ${broken + 1} did not issue the previous one`,
      });
  }

  const key = readKey(private_key);
  if (key === undefined) faults.push({ path: 'private_key', message: 'expected a PEM private key, not encrypted' });
  else if (!isUsable(key))
    faults.push({
      path: 'private_key',
      message: `expected an RSA key of at least ${minRsaBits} bits, or an EC or Ed25519 key`,
    });
  else if (chain?.[0] !== undefined && !chain[0].checkPrivateKey(key))
    faults.push({ path: 'private_key', message: 'expected the private key of the first certificate' });
  return faults;
}

/** Public facts of a certificate. */
export interface CertificateSummary {
  /** One line: `CN=tributary, O=Example`. */
  readonly subject: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
}

/** Summary of the first certificate in a chain; undefined if it cannot be read. */
export function summarizeCertificate(certificate: string): CertificateSummary | undefined {
  const first = readChain(certificate)?.[0];
  if (first === undefined) return undefined;
  return {
    subject: first.subject?.split('\n').join(', ') ?? '',
    expiresAt: first.validToDate.toISOString(),
    fingerprint: first.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Why a chain cannot be used at the given time; undefined if it can. */
export function validityFault(certificate: string, nowMs: number): string | undefined {
  for (const [index, { validFromDate, validToDate }] of (readChain(certificate) ?? []).entries()) {
    if (nowMs < validFromDate.getTime())
      return `certificate ${index + 1} is not valid before ${validFromDate.toISOString()}`;
    if (nowMs > validToDate.getTime()) return `certificate ${index + 1} expired at ${validToDate.toISOString()}`;
  }
  return undefined;
}

/** All certificates of a PEM text; undefined if there is none, or if one cannot be read. */
function readChain(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1) return undefined;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function isUsable({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= minRsaBits;
  return asymmetricKeyType === 'ec' || asymmetricKeyType === 'ed25519';
}

function issued(issuer: X509Certificate, subject: X509Certificate | undefined): boolean {
  return subject !== undefined && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}
