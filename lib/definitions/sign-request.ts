import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  publicEncrypt,
  sign,
} from 'node:crypto';
import { secretOf } from '../../lambdas/engine/definition/checks-within.ts';
import type { Definition, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { urlTokenSecret } from '../../lambdas/engine/request/secret-values.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import {
  parseSource,
  parseTemplate,
  readPath,
  readSource,
  renderTemplate,
  renderText,
  type Source,
  type Template,
} from '../../lambdas/engine/template/template.ts';
import { queryHashes } from '../../lambdas/engine/verification/checks/jwt.ts';
import { checksForRequest, checksOfItem, templateInput } from './checks-for-request.ts';

/** Where a sample says that its signature or its time belongs, in a header or in the body. */
export const signaturePlaceholder = '{{signature}}';
export const timestampPlaceholder = '{{timestamp}}';

/** What signs: one value for each secret name; for a public key, the private key (PEM) that belongs to it. */
export interface SigningKeys {
  readonly secrets: Readonly<Record<string, string>>;
  readonly privateKeys?: Readonly<Record<string, string>>;
}

/** Has the form that providers' ids of keys have. */
const sampleKeyId = '00000000-0000-4000-8000-000000000001';
/** A token without a maximum age lives for so long. */
const tokenLifeSeconds = 300;

type Signing = 'hmac' | 'digest' | 'public_key';

/**
 * Sign a request as its provider would: the definition read backwards. Simulators, the command line
 * and the tests use it; the engine never does.
 *
 * A signature and a timestamp go where the sample has `{{signature}}` and `{{timestamp}}`; where it has
 * none, into the header that the definition reads them from. A signature that the definition reads from a
 * query parameter goes there, before anything signs the URL.
 * A token that is in the body beside a signature goes where the sample has the name of its secret in such braces.
 *
 * Encrypted content stands in a sample as what it is, and is encrypted here.
 *
 * @throws {TypeError} when the definition reads them from no header of their own and the sample has no
 *   placeholder for them.
 */
export function signRequest(
  definition: Definition,
  request: WebhookRequest,
  keys: SigningKeys,
  nowMs: number,
): WebhookRequest {
  const sealed = encryptItems(definition, request, keys);
  const steps = checksForRequest(definition, sealed);
  // A timestamp is part of what is signed, so it is set before.
  const timed = steps.reduce((signed, step) => setTimestamp(signed, step, nowMs), fillTimestamp(sealed, steps, nowMs));
  // A proof in the query is part of the URL, which another check may sign.
  const [inQuery, elsewhere] = [true, false].map((is) => steps.filter((step) => is === isInQuery(step)));
  return [...(inQuery ?? []), ...(elsewhere ?? [])].reduce(
    (signed, step) => setProof(definition, signed, step, keys, nowMs),
    timed,
  );
}

function isInQuery({ hmac, digest, public_key: publicKey }: VerifySpec): boolean {
  const spec = hmac ?? digest ?? publicKey;
  return spec !== undefined && queryOf(spec.signature) !== undefined;
}

function fillTimestamp(request: WebhookRequest, steps: readonly VerifySpec[], nowMs: number): WebhookRequest {
  const unit = steps.find(({ freshness }) => freshness !== undefined)?.freshness?.unit ?? 's';
  return replaceAll(request, timestampPlaceholder, timestampText(unit, nowMs));
}

function setTimestamp(request: WebhookRequest, { freshness }: VerifySpec, nowMs: number): WebhookRequest {
  if (freshness === undefined) return request;
  const header = headerOf(freshness.timestamp);
  return header === undefined || header in request.headers
    ? request
    : withHeader(request, header, timestampText(freshness.unit, nowMs));
}

function timestampText(unit: 's' | 'ms' | 'iso8601', nowMs: number): string {
  if (unit === 'iso8601') return new Date(nowMs).toISOString();
  return String(unit === 's' ? Math.floor(nowMs / 1000) : nowMs);
}

function setProof(
  definition: Definition,
  request: WebhookRequest,
  step: VerifySpec,
  keys: SigningKeys,
  nowMs: number,
): WebhookRequest {
  if (step.token !== undefined) {
    const header = headerOf(step.token.value);
    const text = `${step.token.prefix ?? ''}${keys.secrets[step.token.expected] ?? ''}`;
    if (header !== undefined) return withHeader(request, header, text);
    const named = replaceAll(request, `{{${step.token.expected}}}`, text);
    return named === request ? replaceAll(request, signaturePlaceholder, text) : named;
  }
  if (step.url_token !== undefined)
    return withQuery(request, step.url_token.parameter, keys.secrets[urlTokenSecret] ?? '');
  if (step.basic !== undefined) {
    const { username, password } = step.basic;
    const pair = `${keys.secrets[username] ?? ''}:${keys.secrets[password] ?? ''}`;
    return withHeader(request, 'authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  }
  if (step.jwt !== undefined) return setJwt(definition, request, step.jwt, keys, nowMs);
  if (step.each !== undefined) return signItems(definition, request, step.each, keys);
  const kind = (['hmac', 'digest', 'public_key'] as const).find((name) => step[name] !== undefined);
  if (kind === undefined) return request;
  const text = signatureText(definition, request, step, kind, keys);
  return place(request, step[kind] as NonNullable<VerifySpec['hmac']>, text);
}

function place(
  request: WebhookRequest,
  spec: { readonly signature: string; readonly prefix?: string | undefined },
  text: string,
): WebhookRequest {
  const parameter = queryOf(spec.signature);
  if (parameter !== undefined) return withQuery(request, parameter, `${spec.prefix ?? ''}${text}`);
  const filled = replaceAll(request, signaturePlaceholder, text);
  if (filled !== request) return filled;
  const header = headerOf(spec.signature);
  if (header === undefined)
    throw new TypeError(`"${spec.signature}" is no header of its own, and the sample has no ${signaturePlaceholder}`);
  return withHeader(request, header, `${spec.prefix ?? ''}${text}`);
}

function signatureText(
  definition: Definition,
  request: WebhookRequest,
  step: VerifySpec,
  kind: Signing,
  keys: SigningKeys,
  item?: unknown,
): string {
  const spec = step[kind] as NonNullable<VerifySpec[Signing]>;
  const message = typeof spec.message === 'string' ? spec.message : (spec.message[0] ?? '');
  const rendered = renderTemplate(template(message), { ...templateInput(definition, request, keys.secrets), item });
  if (rendered.kind === 'missing') throw new TypeError(`the request has no ${rendered.source}, which is signed`);
  const content = Buffer.concat(rendered.chunks.map((chunk) => Buffer.from(chunk as Buffer)));
  if (step.hmac !== undefined) {
    const { algorithm, encoding, key } = step.hmac;
    const { secret, decode, prefix } =
      typeof key === 'string' ? { secret: key, decode: 'utf8' as const, prefix: '' } : key;
    const text = keys.secrets[secret] ?? '';
    const bare = prefix !== undefined && text.startsWith(prefix) ? text.slice(prefix.length) : text;
    return createHmac(algorithm, Buffer.from(bare, decode)).update(content).digest(encoding);
  }
  if (step.digest !== undefined) return createHash(step.digest.algorithm).update(content).digest(step.digest.encoding);
  const { algorithm, encoding, key } = step.public_key as NonNullable<VerifySpec['public_key']>;
  const hash = algorithm === 'ed25519' ? null : algorithm === 'rsa-sha1' ? 'sha1' : 'sha256';
  return sign(hash, content, createPrivateKey(keys.privateKeys?.[secretOf(key)] ?? '')).toString(encoding);
}

/** Sign each item of a body that carries a signature per item, in its place. */
function signItems(
  definition: Definition,
  request: WebhookRequest,
  { items, verify }: NonNullable<VerifySpec['each']>,
  keys: SigningKeys,
): WebhookRequest {
  const source = parseSource(items);
  const list = source?.from === 'json' ? readPath(templateInput(definition, request).decoded, source.path) : undefined;
  if (!Array.isArray(list)) return request;
  let text = request.body.toString('utf8');
  for (const item of list as unknown[])
    for (const step of checksOfItem(definition, request, verify)) {
      if (step.token !== undefined) text = text.replace(signaturePlaceholder, keys.secrets[step.token.expected] ?? '');
      if (step.hmac !== undefined)
        text = text.replace(signaturePlaceholder, signatureText(definition, request, step, 'hmac', keys, item));
    }
  return { ...request, body: Buffer.from(text) };
}

function setJwt(
  definition: Definition,
  request: WebhookRequest,
  spec: NonNullable<VerifySpec['jwt']>,
  keys: SigningKeys,
  nowMs: number,
): WebhookRequest {
  const iat = Math.floor(nowMs / 1000);
  const input = templateInput(definition, request, keys.secrets);
  const claims: Record<string, string> = {};
  if (spec.covers !== undefined) {
    const { items, value, claim } = spec.covers;
    const source = parseSource(items);
    const list = source === undefined ? undefined : readSource(source, input);
    const [item] = Array.isArray(list) ? (list as unknown[]) : [];
    claims[claim] = renderText(template(value), { ...input, item }) ?? '';
  }
  // One after the other: a claim may read those that stand before it.
  for (const [name, text] of Object.entries(spec.claims))
    claims[name] = renderText(template(text), { ...input, jwt: { header: {}, claims } }) ?? '';
  if (spec.body_sha256_claim !== undefined)
    claims[spec.body_sha256_claim] = createHash('sha256').update(request.body).digest('hex');
  if (spec.query_hash_claim !== undefined) claims[spec.query_hash_claim] = queryHashes(input)[0] ?? '';
  const algorithm = spec.algorithms[0] ?? 'HS256';
  const signed = [
    { alg: algorithm, typ: 'JWT', kid: sampleKeyId },
    { ...claims, iat, exp: iat + Math.max(tokenLifeSeconds, spec.max_age_seconds ?? 0) },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = algorithm.startsWith('HS')
    ? createHmac(`sha${algorithm.slice(2)}`, keys.secrets[secretOf(spec.key)] ?? '')
        .update(signed)
        .digest()
    : sign(algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`, Buffer.from(signed), {
        key: createPrivateKey(keys.privateKeys?.[secretOf(spec.key)] ?? ''),
        dsaEncoding: 'ieee-p1363',
      });
  return place(request, { signature: spec.token, prefix: spec.prefix }, `${signed}.${signature.toString('base64url')}`);
}

/** Encrypt the content of items that a sample has in plain: JSON in the place of the ciphertext's members. */
function encryptItems(definition: Definition, request: WebhookRequest, keys: SigningKeys): WebhookRequest {
  const { decrypt } = definition.webhook;
  const source = decrypt === undefined ? undefined : parseSource(decrypt.items);
  if (decrypt === undefined || source?.from !== 'json') return request;
  const body = templateInput(definition, request).decoded;
  const items = readPath(body, source.path);
  if (!Array.isArray(items)) return request;
  const publicKey = createPublicKey(keys.secrets[decrypt.key.secret] ?? '');
  for (const item of items as Record<string, unknown>[]) {
    const plain = item[decrypt.from];
    if (typeof plain !== 'object' || plain === null) continue;
    // The same content is encrypted in the same way each time, so that a sample is signed alike twice.
    const symmetric = createHash('sha256').update(JSON.stringify(plain)).digest();
    const cipher = createCipheriv('aes-256-cbc', symmetric, symmetric.subarray(0, 16));
    const content = Buffer.concat([cipher.update(JSON.stringify(plain)), cipher.final()]);
    const wrapped = publicEncrypt(
      { key: publicKey, padding: constants.RSA_NO_PADDING },
      padOaep(symmetric, (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8),
    );
    item[decrypt.from] = {
      [decrypt.content]: content.toString('base64'),
      [decrypt.signature]: createHmac('sha256', symmetric).update(content).digest('base64'),
      [decrypt.key.from]: wrapped.toString('base64'),
    };
  }
  return { ...request, body: Buffer.from(JSON.stringify(body)) };
}

/**
 * OAEP with SHA-1, its seed taken from the message: Node's own draws one at random each time.
 *
 * @param size - Bytes of the modulus.
 * @see https://www.rfc-editor.org/rfc/rfc8017#section-7.1.1
 */
function padOaep(message: Buffer, size: number): Buffer {
  const sha1 = (...parts: readonly Buffer[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
  const seed = sha1(message);
  const label = sha1();
  const zeros = Buffer.alloc(size - message.length - 2 * label.length - 2);
  const block = Buffer.concat([label, zeros, Buffer.from([1]), message]);
  const mask = (text: Buffer, from: Buffer): Buffer => {
    const hashes = Array.from({ length: Math.ceil(text.length / label.length) }, (_, counter) =>
      sha1(from, Buffer.from([0, 0, 0, counter])),
    );
    const bits = Buffer.concat(hashes);
    return text.map((byte, at) => byte ^ (bits[at] ?? 0)) as Buffer;
  };
  const masked = mask(block, seed);
  return Buffer.concat([Buffer.from([0]), mask(seed, masked), masked]);
}

function headerOf(text: string): string | undefined {
  const source = onlySource(text);
  return source?.from === 'header' ? source.name : undefined;
}

function queryOf(text: string): string | undefined {
  const source = onlySource(text);
  return source?.from === 'query' ? source.name : undefined;
}

/** The source of a template that is nothing else. */
function onlySource(text: string): Source | undefined {
  const [part, ...others] = template(text).parts;
  return part !== undefined && 'source' in part && others.length === 0 ? part.source : undefined;
}

function replaceAll(request: WebhookRequest, placeholder: string, text: string): WebhookRequest {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, value.replaceAll(placeholder, text)]);
  const inBody = request.body.includes(placeholder);
  if (!inBody && !Object.values(request.headers).some((value) => value.includes(placeholder))) return request;
  const body = inBody ? Buffer.from(request.body.toString('utf8').replaceAll(placeholder, text)) : request.body;
  return { ...request, headers: Object.fromEntries(headers) as Record<string, string>, body };
}

function withHeader(request: WebhookRequest, name: string, value: string): WebhookRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

/** The request with this parameter last in its query, instead of what it had by the name. */
function withQuery(request: WebhookRequest, name: string, value: string): WebhookRequest {
  const others = request.query.split('&').filter((pair) => pair !== '' && pair.split('=', 1)[0] !== name);
  const query = [...others, `${name}=${encodeURIComponent(value)}`].join('&');
  return { ...request, query, url: request.url.replace(/(\?.*)?$/s, `?${query}`) };
}

function template(text: string): Template {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(parsed.message);
  return parsed.template;
}
