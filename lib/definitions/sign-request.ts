import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import {
  parseSource,
  readPath,
  renderTemplate,
  type Source,
  toTemplate,
} from '../../lambdas/engine/template/template.ts';
import { authoringOf } from '../../lambdas/engine/verification/check-authoring.ts';
import type { ProofPlace, SampleInput } from '../../lambdas/engine/verification/check-kind.ts';
import type { NamedCheck } from '../../lambdas/engine/verification/check-kinds.ts';
import { checkIn, type VerifySpec } from '../../lambdas/engine/verification/check-tree.ts';
import { timestampText } from '../../lambdas/engine/verification/checks/freshness.ts';
import { checksForRequest, checksOfItem, templateInput } from './checks-for-request.ts';
import { encryptItems } from './encrypt-sample.ts';
import type { SigningKeys } from './make-keys.ts';

/** Marks the place of the signature, or of the time, in a header or the body of a sample. */
export const signaturePlaceholder = '{{signature}}';
export const timestampPlaceholder = '{{timestamp}}';

/** What signing one sample needs. */
interface Signer {
  readonly definition: WebhookDefinition;
  readonly keys: SigningKeys;
  readonly nowMs: number;
}

/**
 * Sign a request as its provider would, by applying the definition in reverse. Simulators, the command line and the
 * tests use it; the engine never does.
 *
 * Signature and timestamp replace `{{signature}}` and `{{timestamp}}` of the sample; without a placeholder, they go into
 * the header that the definition reads. A signature that the definition reads from a query parameter is set before
 * another check signs the URL. A token in the body replaces the name of its secret in such braces.
 *
 * A sample holds encrypted content as plain text; this function encrypts it.
 *
 * @throws {TypeError} when the sample has no placeholder and the definition does not read a whole header.
 */
export function signRequest(
  definition: WebhookDefinition,
  request: WebhookRequest,
  keys: SigningKeys,
  nowMs: number,
): WebhookRequest {
  const signer = { definition, keys, nowMs };
  const sealed = encryptItems(definition, request, keys);
  const nodes = checksForRequest(definition, sealed);
  const times = nodes.flatMap((node) => checkIn(node) ?? []).filter(isTime);
  // Set the timestamp first, because it is part of the signed message.
  const timed = times.reduce((signed, check) => setTime(signed, check, nowMs), fillTimestamp(sealed, times, nowMs));
  // A proof in the query is part of the URL, which another check may sign.
  const [inQuery, elsewhere] = [true, false].map((is) => nodes.filter((node) => is === isInQuery(node)));
  return [...(inQuery ?? []), ...(elsewhere ?? [])].reduce((signed, node) => prove(signer, signed, node), timed);
}

function prove(signer: Signer, request: WebhookRequest, node: VerifySpec): WebhookRequest {
  if (node.each !== undefined) return signItems(signer, request, node.each);
  const check = checkIn(node);
  return check === undefined || isTime(check) ? request : setProof(signer, request, check);
}

function isTime({ name, spec }: NamedCheck): boolean {
  return authoringOf(name).time?.(spec) !== undefined;
}

function placeOf({ name, spec }: NamedCheck): ProofPlace {
  return authoringOf(name).place(spec);
}

function isInQuery(node: VerifySpec): boolean {
  const check = checkIn(node);
  return check !== undefined && !isTime(check) && queryOf(placeOf(check).template) !== undefined;
}

function fillTimestamp(request: WebhookRequest, times: readonly NamedCheck[], nowMs: number): WebhookRequest {
  const [first] = times.flatMap(({ name, spec }) => authoringOf(name).time?.(spec) ?? []);
  return replaceAll(request, timestampPlaceholder, timestampText(first?.unit ?? 's', nowMs));
}

/** Set the time that a check reads from a header, unless the sample has one. */
function setTime(request: WebhookRequest, { name, spec }: NamedCheck, nowMs: number): WebhookRequest {
  const time = authoringOf(name).time?.(spec);
  const header = time === undefined ? undefined : headerOf(time.timestamp);
  return time === undefined || header === undefined || header in request.headers
    ? request
    : withHeader(request, header, timestampText(time.unit, nowMs));
}

function setProof(signer: Signer, request: WebhookRequest, check: NamedCheck): WebhookRequest {
  const { template, prefix = '', placeholder } = placeOf(check);
  const text = proofOf(signer, request, check);
  const [parameter, header] = [queryOf(template), headerOf(template)];
  if (parameter !== undefined) return withQuery(request, parameter, `${prefix}${text}`);
  if (placeholder !== undefined) {
    if (header !== undefined) return withHeader(request, header, `${prefix}${text}`);
    const named = replaceAll(request, `{{${placeholder}}}`, `${prefix}${text}`);
    return named === request ? replaceAll(request, signaturePlaceholder, `${prefix}${text}`) : named;
  }
  const filled = replaceAll(request, signaturePlaceholder, text);
  if (filled !== request) return filled;
  if (header === undefined)
    throw new TypeError(`"${template}" is not a whole header, and the sample has no ${signaturePlaceholder}`);
  return withHeader(request, header, `${prefix}${text}`);
}

function proofOf(signer: Signer, request: WebhookRequest, { name, spec }: NamedCheck, item?: unknown): string {
  const { definition, keys, nowMs } = signer;
  const { secrets, privateKeys = {} } = keys;
  const input = { ...templateInput(definition, request, secrets), item };
  const render: SampleInput['render'] = (text) => {
    const rendered = renderTemplate(toTemplate(text), input);
    if (rendered.kind === 'missing') throw new TypeError(`the request has no ${rendered.source}, which is signed`);
    return Buffer.concat(rendered.chunks.map((chunk) => Buffer.from(chunk as Buffer)));
  };
  return authoringOf(name).proof(spec, { input, secrets, privateKeys, nowMs, render });
}

/** Sign each item of a body that carries a signature per item. */
function signItems(
  signer: Signer,
  request: WebhookRequest,
  { items, verify }: NonNullable<VerifySpec['each']>,
): WebhookRequest {
  const { definition } = signer;
  const source = parseSource(items);
  const list = source?.from === 'json' ? readPath(templateInput(definition, request).decoded, source.path) : undefined;
  if (!Array.isArray(list)) return request;
  let text = request.body.toString('utf8');
  for (const item of list as unknown[])
    for (const node of checksOfItem(definition, request, verify)) {
      const check = checkIn(node);
      if (check === undefined || isTime(check)) continue;
      const proof = proofOf(signer, request, check, item);
      // A function, because `replace` interprets `$&` and similar patterns in a text.
      text = text.replace(signaturePlaceholder, () => proof);
    }
  return { ...request, body: Buffer.from(text) };
}

function headerOf(text: string): string | undefined {
  const source = onlySource(text);
  return source?.from === 'header' ? source.name : undefined;
}

function queryOf(text: string): string | undefined {
  const source = onlySource(text);
  return source?.from === 'query' ? source.name : undefined;
}

/** The source of a template that consists of one source. */
function onlySource(text: string): Source | undefined {
  const [part, ...others] = toTemplate(text).parts;
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

/** The request with this parameter at the end of its query, replacing those of the same name. */
function withQuery(request: WebhookRequest, name: string, value: string): WebhookRequest {
  const others = request.query.split('&').filter((pair) => pair !== '' && pair.split('=', 1)[0] !== name);
  const query = [...others, `${name}=${encodeURIComponent(value)}`].join('&');
  return { ...request, query, url: request.url.replace(/(\?.*)?$/s, `?${query}`) };
}
