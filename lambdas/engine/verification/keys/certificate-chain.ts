import { X509Certificate } from 'node:crypto';

/** Longest chain from a leaf to its root; no authority has a longer one. */
const maxDepth = 5;

export type ChainCheck =
  /** PEM of the leaf, and the end of the chain's validity (epoch milliseconds). */
  | { readonly kind: 'trusted'; readonly pem: string; readonly validUntilMs: number }
  /** The issuer's certificate is missing; `issuerUrl` is where the issuer publishes it, if known. */
  | { readonly kind: 'issuer-missing'; readonly issuerUrl: string | undefined }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Check a certificate as a TLS client would: it has one of the names, is valid now, and chains to a root
 * through certificates of authorities.
 *
 * @param certificates - The leaf first, then possible intermediates in any order.
 * @param roots - PEM of the trusted roots.
 */
export function checkChain(
  certificates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  names: readonly string[],
  nowMs: number,
): ChainCheck {
  const [leaf, ...others] = certificates;
  if (leaf === undefined) return { kind: 'refused', reason: 'there is no certificate' };
  if (!names.some((name) => leaf.checkHost(name) !== undefined))
    return { kind: 'refused', reason: 'it has none of the expected names' };
  // Follow all paths in parallel: an authority may have several certificates, and only one may lead to a root.
  let ends: readonly Link[] = [{ certificate: leaf, validUntilMs: leaf.validToDate.getTime() }];
  const seen = new Set<X509Certificate>();
  let deadEnd: X509Certificate | undefined;
  for (let depth = 0; depth < maxDepth; depth += 1) {
    const valid = ends.filter(({ certificate }) => isValidAt(certificate, nowMs));
    const rooted = valid.find(({ certificate }) => isRooted(certificate, roots, nowMs));
    if (rooted !== undefined) return { kind: 'trusted', pem: leaf.toString(), validUntilMs: rooted.validUntilMs };
    const next: Link[] = [];
    for (const { certificate, validUntilMs } of valid) {
      const issuers = others.filter((other) => other.ca && !isSame(other, certificate) && issued(other, certificate));
      if (issuers.length === 0) deadEnd ??= certificate;
      for (const issuer of issuers.filter((one) => !seen.has(one))) {
        seen.add(issuer);
        next.push({
          certificate: issuer,
          validUntilMs: Math.min(validUntilMs, issuer.validToDate.getTime()),
        });
      }
    }
    if (next.length === 0)
      return deadEnd === undefined
        ? { kind: 'refused', reason: 'a certificate of its chain is not valid now, or the chain is a loop' }
        : { kind: 'issuer-missing', issuerUrl: issuerUrl(deadEnd) };
    ends = next;
  }
  return { kind: 'refused', reason: 'its chain is too long' };
}

/** A certificate on the way from the leaf to a root. */
interface Link {
  readonly certificate: X509Certificate;
  /** Earliest end of validity of all certificates up to this one. */
  readonly validUntilMs: number;
}

function isRooted(certificate: X509Certificate, roots: readonly X509Certificate[], nowMs: number): boolean {
  return roots.some((root) => isSame(root, certificate) || (isValidAt(root, nowMs) && issued(root, certificate)));
}

/** Read all certificates of a PEM text, or the single certificate of a DER file. */
export function readCertificates(bytes: Buffer): readonly X509Certificate[] {
  const blocks = bytes.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return (blocks ?? [bytes]).slice(0, 10).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

/** Whether the names match and the issuer made the signature. */
function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

/** Where the issuer publishes its certificate (authority information access, RFC 5280, 4.2.2.1). */
function issuerUrl({ infoAccess }: X509Certificate): string | undefined {
  return /^CA Issuers - URI:(\S+)$/m.exec(infoAccess ?? '')?.[1];
}
