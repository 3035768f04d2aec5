import { createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkChain, readCertificates } from '../../../../../lambdas/engine/verification/keys/certificate-chain.ts';
import {
  aParty,
  certificateOf,
  derOf,
  type Party,
  type ProviderCertificate,
} from '../../../../fakes/provider-certificates.ts';
import { cpuMsOf, maxCpuMs } from '../../reception/acme.ts';

const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
const dayMs = 86_400_000;
const names = ['keys.acme.example', 'keys.acme.test'];

const [root, otherRoot, intermediate, second, leaf] = [
  'Root',
  'Other root',
  'Intermediate',
  'Second intermediate',
  'keys.acme.example',
].map(aParty) as [Party, Party, Party, Party, Party];

const rootPem = certificateOf({ subject: root, ca: true });
const intermediatePem = certificateOf({ subject: intermediate, issuer: root, ca: true });
const leafPem = (change: Partial<ProviderCertificate> = {}) =>
  certificateOf({ subject: leaf, issuer: intermediate, hosts: ['keys.acme.example'], ...change });

const check = (pems: readonly string[], { roots = [rootPem], atMs = nowMs, expected = names } = {}) =>
  checkChain(
    pems.map((pem) => new X509Certificate(pem)),
    roots.map((pem) => new X509Certificate(pem)),
    expected,
    atMs,
  );

describe('a chain is trusted', () => {
  test('through intermediates in any order', () => {
    const secondPem = certificateOf({ subject: second, issuer: intermediate, ca: true });
    const ofSecond = leafPem({ issuer: second });
    for (const others of [
      [secondPem, intermediatePem],
      [intermediatePem, secondPem],
      [rootPem, intermediatePem, certificateOf({ subject: otherRoot, ca: true }), secondPem],
    ])
      expect(check([ofSecond, ...others])).toMatchObject({ kind: 'trusted' });
  });

  test('directly from a root, and returns the certificate of the leaf', () => {
    const trusted = check([leafPem({ issuer: root })]);
    if (trusted.kind !== 'trusted') throw new Error(trusted.kind);
    expect(createPublicKey(trusted.pem).equals(leaf.publicKey)).toBe(true);
  });

  test('through the one issuer certificate that leads to a root', () => {
    const foreign = certificateOf({ subject: intermediate, issuer: otherRoot, ca: true });
    const past = certificateOf({ subject: intermediate, issuer: root, ca: true, untilMs: nowMs - dayMs });
    for (const others of [
      [foreign, past, intermediatePem],
      [intermediatePem, past, foreign],
    ])
      expect(check([leafPem(), ...others])).toMatchObject({ kind: 'trusted' });
  });

  test('until the first of its certificates expires', () => {
    const untilMs = nowMs + 3 * dayMs;
    const short = certificateOf({ subject: intermediate, issuer: root, ca: true, untilMs });
    expect(check([leafPem(), short])).toMatchObject({ kind: 'trusted', validUntilMs: untilMs });
    expect(check([leafPem(), short], { atMs: untilMs })).toMatchObject({ kind: 'trusted' });
    expect(check([leafPem(), short], { atMs: untilMs + 1000 })).toMatchObject({ kind: 'refused' });
  });

  test('with any of the expected names, or with a wildcard for one label', () => {
    expect(check([leafPem({ hosts: ['keys.acme.test'] }), intermediatePem])).toMatchObject({ kind: 'trusted' });
    expect(check([leafPem({ hosts: ['*.acme.example'] }), intermediatePem])).toMatchObject({ kind: 'trusted' });
    expect(check([leafPem({ hosts: ['KEYS.ACME.EXAMPLE'] }), intermediatePem])).toMatchObject({ kind: 'trusted' });
  });
});

describe('the leaf of a chain', () => {
  test.each([
    ['a different name', ['keys.evil.example']],
    ['a longer name with the same beginning', ['keys.acme.example.evil.example']],
    ['a subdomain', ['x.keys.acme.example']],
    ['a parent domain', ['acme.example']],
    ['a wildcard for two labels', ['*.example']],
    ['two wildcards', ['*.*.example']],
    ['a name with a NUL character', ['keys.acme.example\0.evil.example']],
  ])('fails when it has %s', (_name, hosts) => {
    expect(check([leafPem({ hosts }), intermediatePem])).toEqual({
      kind: 'refused',
      reason: 'it has none of the expected names',
    });
  });

  test('fails when only the subject has the name and the alternative names differ', () => {
    expect(check([leafPem({ hosts: ['other.example'] }), intermediatePem])).toMatchObject({ kind: 'refused' });
  });

  test('fails when it or another certificate of the chain is not valid now', () => {
    const past = { fromMs: nowMs - 2 * dayMs, untilMs: nowMs - dayMs };
    const future = { fromMs: nowMs + dayMs, untilMs: nowMs + 2 * dayMs };
    for (const when of [past, future]) {
      const reason = expect.stringContaining('not valid now') as string;
      expect(check([leafPem(when), intermediatePem])).toEqual({ kind: 'refused', reason });
      const issuer = certificateOf({ subject: intermediate, issuer: root, ca: true, ...when });
      expect(check([leafPem(), issuer])).toEqual({ kind: 'refused', reason });
      const oldRoot = certificateOf({ subject: root, ca: true, ...when });
      expect(check([leafPem(), intermediatePem], { roots: [oldRoot] })).toMatchObject({ kind: 'issuer-missing' });
    }
  });

  test('fails when it is self-signed, even as an authority', () => {
    for (const ca of [true, false, undefined])
      expect(
        check([certificateOf({ subject: leaf, hosts: ['keys.acme.example'], ...(ca === undefined ? {} : { ca }) })]),
      ).toMatchObject({ kind: 'issuer-missing' });
  });
});

describe('the issuers of a chain', () => {
  test('fails when the issuer is not an authority, because anyone can get a certificate for a host', () => {
    for (const ca of [false, undefined]) {
      const host = certificateOf({
        subject: intermediate,
        issuer: root,
        hosts: ['evil.example'],
        ...(ca === undefined ? {} : { ca }),
      });
      expect(check([leafPem(), host])).toMatchObject({ kind: 'issuer-missing' });
    }
  });

  test('fails when the root is not trusted, whether the chain includes it or not', () => {
    const foreign = certificateOf({ subject: otherRoot, ca: true });
    const issued = certificateOf({ subject: intermediate, issuer: otherRoot, ca: true });
    expect(check([leafPem(), issued])).toMatchObject({ kind: 'issuer-missing' });
    expect(check([leafPem(), issued, foreign])).toMatchObject({ kind: 'issuer-missing' });
  });

  test('fails when the root is an impostor with the same name', () => {
    const impostor = { ...aParty('Root') };
    const issued = certificateOf({ subject: intermediate, issuer: impostor, ca: true });
    expect(check([leafPem(), issued])).toMatchObject({ kind: 'issuer-missing' });
    expect(check([leafPem(), issued, certificateOf({ subject: impostor, ca: true })])).toMatchObject({
      kind: 'issuer-missing',
    });
  });

  test('fails when the intermediate is an impostor with the same name', () => {
    const impostor = aParty('Intermediate');
    expect(check([leafPem({ issuer: impostor }), intermediatePem])).toMatchObject({ kind: 'issuer-missing' });
  });

  test('fails when two authorities certify each other', () => {
    const byB = certificateOf({ subject: intermediate, issuer: second, ca: true });
    const byA = certificateOf({ subject: second, issuer: intermediate, ca: true });
    expect(check([leafPem(), byB, byA])).toMatchObject({ kind: 'refused' });
    expect(check([leafPem(), byA, byB])).toMatchObject({ kind: 'refused' });
  });

  test('fails quickly when all certificates certify each other', () => {
    const same = Array.from({ length: 10 }, () => certificateOf({ subject: intermediate, ca: true }));
    expect(cpuMsOf(() => check([leafPem(), ...same]))).toBeLessThan(maxCpuMs);
    expect(check([leafPem(), ...same]).kind).not.toBe('trusted');
  });

  test('fails when the chain is too long', () => {
    const parties = Array.from({ length: 8 }, (_, at) => aParty(`Authority ${at}`));
    const chain = parties.map((subject, at) => certificateOf({ subject, issuer: parties[at + 1] ?? root, ca: true }));
    expect(check([leafPem({ issuer: parties[0] as Party }), ...chain])).toEqual({
      kind: 'refused',
      reason: 'its chain is too long',
    });
  });
});

test('fails when there is no certificate, no name or no root', () => {
  expect(check([])).toMatchObject({ kind: 'refused' });
  expect(check([leafPem(), intermediatePem], { expected: [] })).toMatchObject({ kind: 'refused' });
  expect(check([leafPem(), intermediatePem], { roots: [] })).toMatchObject({ kind: 'issuer-missing' });
});

test('a missing issuer comes with the URL that the last certificate names', () => {
  expect(check([leafPem({ issuerUrl: 'http://issuer.example/i.cer' })])).toEqual({
    kind: 'issuer-missing',
    issuerUrl: 'http://issuer.example/i.cer',
  });
  const issuer = certificateOf({ subject: intermediate, issuer: otherRoot, ca: true, issuerUrl: 'http://up.example/' });
  expect(check([leafPem({ issuerUrl: 'http://issuer.example/i.cer' }), issuer])).toEqual({
    kind: 'issuer-missing',
    issuerUrl: 'http://up.example/',
  });
  expect(check([leafPem()])).toEqual({ kind: 'issuer-missing', issuerUrl: undefined });
});

test.each([
  ['line breaks', 'http://a.example/\nCA Issuers - URI:http://evil.example/'],
  ['a space', 'http://a.example/ http://b.example/'],
])('fails to read more than one issuer URL when the extension holds %s', (_name, issuerUrl) => {
  const missing = check([leafPem({ issuerUrl })]);
  if (missing.kind !== 'issuer-missing') throw new Error(missing.kind);
  expect(missing.issuerUrl ?? '').not.toMatch(/evil|\s/);
});

describe('certificates of a file', () => {
  const pems = [leafPem(), intermediatePem];

  test('are read from PEM, with other text between them, and from DER', () => {
    const fingerprints = (bytes: Buffer) => readCertificates(bytes).map(({ fingerprint256 }) => fingerprint256);
    const expected = pems.map((pem) => new X509Certificate(pem).fingerprint256);
    expect(fingerprints(Buffer.from(pems.join('')))).toEqual(expected);
    expect(fingerprints(Buffer.from(`subject=x\r\n${pems.join('\nissuer=y\n')}`.replaceAll('\n', '\r\n')))).toEqual(
      expected,
    );
    expect(fingerprints(derOf(pems[0] as string))).toEqual(expected.slice(0, 1));
  });

  test.each([
    ['nothing', ''],
    ['a web page', '<html>not found</html>'],
    ['a key', leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----'],
    ['a block that is cut off', leafPem().slice(0, 200)],
    ['dashes', '-'.repeat(200_000)],
    ['opening lines only', '-----BEGIN CERTIFICATE-----\n'.repeat(8_000)],
  ])('are empty when the file holds %s', (_name, text) => {
    expect(readCertificates(Buffer.from(text))).toEqual([]);
  });

  test('are limited to ten', () => {
    expect(readCertificates(Buffer.from(intermediatePem.repeat(100)))).toHaveLength(10);
  });
});
