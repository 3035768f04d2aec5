import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A name and a key pair: the subject or the issuer of a certificate. */
export interface Party {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface ProviderCertificate {
  readonly subject: Party;
  /** @default the subject itself */
  readonly issuer?: Party;
  /** Host names in the certificate. */
  readonly hosts?: readonly string[];
  /** Whether it may issue other certificates; undefined to omit the extension. */
  readonly ca?: boolean;
  /** Epoch milliseconds. @default a year before and after the start of the manual clock */
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** URL of the issuer's certificate. */
  readonly issuerUrl?: string;
}

export function aParty(name: string): Party {
  return { name, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
}

const midMs = Date.parse('2026-11-21T12:00:00.000Z');
const yearMs = 365 * 86_400_000;

/** An X.509 certificate, signed with ECDSA, in PEM. @see https://www.rfc-editor.org/rfc/rfc5280 */
export function certificateOf(options: ProviderCertificate): string {
  const { subject, issuer = subject, hosts = [], ca, issuerUrl } = options;
  const { fromMs = midMs - yearMs, untilMs = midMs + yearMs } = options;
  const algorithm = sequence(identifier('2a8648ce3d040302'));
  const issuerPlace = (url: string) => sequence(sequence(identifier('2b06010505073002'), der(0x86, text(url))));
  const extensions = [
    ...(hosts.length === 0 ? [] : [extension('551d11', sequence(...hosts.map((host) => der(0x82, text(host)))))]),
    ...(ca === undefined ? [] : [extension('551d13', sequence(...(ca ? [der(0x01, Buffer.from([0xff]))] : [])))]),
    ...(issuerUrl === undefined ? [] : [extension('2b06010505070101', issuerPlace(issuerUrl))]),
  ];
  const serial = createHash('sha256')
    .update(JSON.stringify([subject.name, issuer.name, fromMs, untilMs]))
    .digest();
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), serial.subarray(0, 8)])),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(fromMs), time(untilMs)),
    distinguishedName(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = sign('sha256', signed, issuer.privateKey);
  const bytes = sequence(signed, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** The DER bytes of a PEM. */
export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return der(0x30, ...contents);
}

/** @param hex - The object identifier, encoded. */
function identifier(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function extension(hex: string, value: Buffer): Buffer {
  return sequence(identifier(hex), der(0x04, value));
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(identifier('550403'), der(0x0c, text(name)))));
}

function time(ms: number): Buffer {
  return der(0x17, text(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

function text(value: string): Buffer {
  return Buffer.from(value, 'utf8');
}
