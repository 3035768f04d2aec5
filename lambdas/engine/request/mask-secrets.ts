import { valuesOf } from './secret-values.ts';
import type { SecretValues } from './webhook-request.ts';

/** Replaces a secret in what a caller sees. */
const masked = '***';
/** Shorter texts are too frequent to be replaced: a secret of three letters would hide half of a body. */
const shortestSecret = 4;
/** Members by which providers prove themselves inside a body, whatever the definition reads. */
const provingMember =
  /^(token|verification_?token|client_?state|shared_?secret|secret|password|passwd|api_?key|hmac_?signature)$/i;

/**
 * A provider's body without what proves that the provider sent it: who knows that could send requests of its own.
 *
 * @param secrets - Of the account, and of its integration.
 */
export function maskBody(text: string, secrets: readonly SecretValues[]): string {
  return maskValues(maskMembers(text), secrets);
}

/** The same for a body that is no UTF-8 text, byte by byte. */
export function maskBytes(body: Buffer, secrets: readonly SecretValues[]): Buffer {
  const asBytes = (value: string) => Buffer.from(value, 'utf8').toString('latin1');
  const inBytes = secrets.map((one) =>
    Object.fromEntries(Object.keys(one).map((name) => [name, valuesOf(one, name).map(asBytes)])),
  );
  return Buffer.from(maskBody(body.toString('latin1'), [...secrets, ...inBytes]), 'latin1');
}

/** A text without the values of these secrets. */
export function maskValues(text: string, secrets: readonly SecretValues[]): string {
  const values = secrets
    .flatMap((one) => Object.keys(one).flatMap((name) => valuesOf(one, name)))
    .filter(({ length }) => length >= shortestSecret)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
    .sort((one, other) => other.length - one.length);
  return [...new Set(values)].reduce((left, value) => left.replaceAll(value, masked), text);
}

function maskMembers(text: string): string {
  const trimmed = text.trimStart();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) return maskJson(text);
  return text.replaceAll(/(^|&)([^=&\s]{1,64})=([^&\s]*)/g, (pair: string, before: string, name: string) =>
    provingMember.test(name) ? `${before}${name}=${masked}` : pair,
  );
}

/** Members in JSON, without parsing: what is shown stays as it was sent. */
function maskJson(text: string): string {
  return text.replaceAll(
    /"((?:[^"\\]|\\.){1,64})"(\s*:\s*)"(?:[^"\\]|\\.)*"/g,
    (pair: string, name: string, between: string) =>
      provingMember.test(name) ? `"${name}"${between}"${masked}"` : pair,
  );
}
