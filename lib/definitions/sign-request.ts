import { createHash, createHmac, createPrivateKey, sign } from 'node:crypto';
import type { Definition, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import {
  parseSource,
  parseTemplate,
  readPath,
  renderTemplate,
  type Template,
  type TemplateInput,
} from '../../lambdas/engine/definition/template.ts';
import { decodeBody } from '../../lambdas/engine/verification/decode-body.ts';
import { firstValues, prepareWebhook, readVariables } from '../../lambdas/engine/verification/prepare-webhook.ts';
import type { WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';

/** Where a sample says that its signature or its time belongs, in a header or in the body. */
const signaturePlaceholder = '{{signature}}';
export const timestampPlaceholder = '{{timestamp}}';

/** What signs: one value for each secret name; for a public key, the private key (PEM) that belongs to it. */
export interface SigningKeys {
  readonly secrets: Readonly<Record<string, string>>;
  readonly privateKeys?: Readonly<Record<string, string>>;
}

type Signing = 'hmac' | 'digest' | 'public_key';

/**
 * Sign a request as its provider would: the definition read backwards. Simulators, the command line
 * and the tests use it; the engine never does.
 *
 * A signature and a timestamp go where the sample has `{{signature}}` and `{{timestamp}}`; where it has
 * none, into the header that the definition reads them from.
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
  const steps = flatten(definition.webhook.verify, definition, request);
  // A timestamp is part of what is signed, so it is set before.
  const timed = steps.reduce((signed, step) => setTimestamp(signed, step, nowMs), fillTimestamp(request, steps, nowMs));
  return steps.reduce((signed, step) => setProof(definition, signed, step, keys, nowMs), timed);
}

/** The checks that a provider has to satisfy: of alternatives the first, of cases the one that holds. */
function flatten(node: VerifySpec, definition: Definition, request: WebhookRequest): VerifySpec[] {
  if (node.all !== undefined) return node.all.flatMap((one) => flatten(one, definition, request));
  if (node.any !== undefined) return node.any.slice(0, 1).flatMap((one) => flatten(one, definition, request));
  if (node.cases !== undefined) {
    const chosen = node.cases.find(({ when }) => {
      const probe = { name: 'case', when: when ?? {}, verify: 'none' as const, respond: { status: 200, headers: {} } };
      const [handshake] = prepareWebhook({
        name: definition.name,
        webhook: { ...definition.webhook, handshakes: [probe] },
      }).handshakes;
      return when === undefined || handshake?.matches(inputOf(definition, request, {})) === true;
    });
    return chosen === undefined ? [] : flatten(chosen.verify, definition, request);
  }
  return [node];
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
    return header === undefined ? replaceAll(request, signaturePlaceholder, text) : withHeader(request, header, text);
  }
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
  const rendered = renderTemplate(template(message), { ...inputOf(definition, request, keys.secrets), item });
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
  return sign(hash, content, createPrivateKey(keys.privateKeys?.[key] ?? '')).toString(encoding);
}

/** Sign each item of a body that carries a signature per item, in its place. */
function signItems(
  definition: Definition,
  request: WebhookRequest,
  { items, verify }: NonNullable<VerifySpec['each']>,
  keys: SigningKeys,
): WebhookRequest {
  const source = parseSource(items);
  const list = source?.from === 'json' ? readPath(inputOf(definition, request, {}).decoded, source.path) : undefined;
  if (!Array.isArray(list)) return request;
  let text = request.body.toString('utf8');
  for (const item of list as unknown[])
    for (const step of flatten(verify, definition, request)) {
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
  const input = inputOf(definition, request, keys.secrets);
  const claims = Object.fromEntries(
    Object.entries(spec.claims).map(([name, text]) => {
      const rendered = renderTemplate(template(text), input);
      return [name, rendered.kind === 'value' ? rendered.chunks.join('') : ''];
    }),
  );
  if (spec.body_sha256_claim !== undefined)
    claims[spec.body_sha256_claim] = createHash('sha256').update(request.body).digest('hex');
  const algorithm = spec.algorithms[0] ?? 'HS256';
  const signed = [
    { alg: algorithm, typ: 'JWT' },
    { ...claims, iat, exp: iat + 300 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = algorithm.startsWith('HS')
    ? createHmac(`sha${algorithm.slice(2)}`, keys.secrets[spec.key] ?? '')
        .update(signed)
        .digest()
    : sign(algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`, Buffer.from(signed), {
        key: createPrivateKey(keys.privateKeys?.[spec.key] ?? ''),
        dsaEncoding: 'ieee-p1363',
      });
  return place(request, { signature: spec.token, prefix: spec.prefix }, `${signed}.${signature.toString('base64url')}`);
}

function inputOf(
  definition: Definition,
  request: WebhookRequest,
  secrets: Readonly<Record<string, string>>,
): TemplateInput {
  const decoded = decodeBody(definition.webhook.decode, request);
  const plain: TemplateInput = {
    ...request,
    query: new URLSearchParams(request.query),
    decoded: decoded.kind === 'decoded' ? decoded.value : undefined,
    secrets: firstValues(secrets),
    vars: {},
  };
  return { ...plain, vars: readVariables(prepareWebhook(definition), plain) };
}

function headerOf(text: string): string | undefined {
  const [part, ...others] = template(text).parts;
  const isHeader = part !== undefined && 'source' in part && part.source.from === 'header' && others.length === 0;
  return isHeader && 'source' in part && part.source.from === 'header' ? part.source.name : undefined;
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

function template(text: string): Template {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(parsed.message);
  return parsed.template;
}
