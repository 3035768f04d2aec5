import type { X509Certificate } from 'node:crypto';
import { EngineError } from '../../contracts/engine-error.ts';
import { checkChain, readCertificates } from '../../engine/verification/keys/certificate-chain.ts';
import type { KeyRequest } from '../../engine/verification/keys/key-request.ts';
import { callForKeys, type FetchedKeys, getting, type KeyCalls, noKeys, takeKeyCall } from './key-calls.ts';

/** Certificates fetched to complete one chain. */
const maxIssuerFetches = 3;

/** Fetch a certificate, and the issuers that it needs to chain to a root. */
export async function fetchCertificate(
  calls: KeyCalls,
  readRoots: () => readonly X509Certificate[],
  request: Extract<KeyRequest, { kind: 'certificate' }>,
  owner: string,
): Promise<FetchedKeys> {
  await takeKeyCall(calls, owner, request.url);
  const roots = readRoots();
  const answer = await callForKeys(calls.provider, getting(request.url));
  const certificates = answer === undefined ? [] : [...readCertificates(answer.body)];
  for (let fetches = 0; ; fetches += 1) {
    const check = checkChain(certificates, roots, request.names, calls.clock.nowMs());
    if (check.kind === 'trusted') return { keys: [check.pem], validUntilMs: check.validUntilMs };
    if (check.kind === 'refused' || check.issuerUrl === undefined || fetches === maxIssuerFetches) return noKeys;
    if (!mayAskIssuer(check.issuerUrl, request.issuers)) return noKeys;
    await takeKeyCall(calls, owner, check.issuerUrl);
    const found = await fetchIssuers(calls, check.issuerUrl);
    if (found.length === 0) return noKeys;
    certificates.push(...found);
  }
}

/** The certificates at a URL that a certificate names; empty when the URL may not be called. */
async function fetchIssuers({ issuers }: KeyCalls, url: string): Promise<readonly X509Certificate[]> {
  try {
    const answer = await callForKeys(issuers, getting(url));
    return answer === undefined ? [] : readCertificates(answer.body);
  } catch (error) {
    if (error instanceof EngineError && !error.retryable) return [];
    throw error;
  }
}

/** Whether an issuer's certificate may be fetched from a URL that a certificate names. */
function mayAskIssuer(text: string, issuers: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.port !== '') return false;
  if (url.protocol === 'https:') return true;
  const { hostname } = url;
  return (
    url.protocol === 'http:' &&
    issuers.some((issuer) => (issuer.startsWith('.') ? hostname.endsWith(issuer) : hostname === issuer))
  );
}
