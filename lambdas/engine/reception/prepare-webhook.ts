import { checksOf, secretNames } from '../definition/checks-within.ts';
import type {
  ConditionSpec,
  DecryptSpec,
  Definition,
  HandshakeSpec,
  ReplySpec,
  TokenSpec,
  VerifySpec,
} from '../definition/schema.ts';
import { prepareCall, type ReadCall } from '../outbound/outbound-call.ts';
import type { XmlReader } from '../request/decode-body.ts';
import { urlTokenSecret } from '../request/secret-values.ts';
import type { SecretValues, Verdict } from '../request/webhook-request.ts';
import {
  parseSource,
  parseTemplate,
  readSource,
  renderAll,
  type Source,
  type Template,
  type TemplateInput,
} from '../template/template.ts';
import { verifyDigest } from '../verification/checks/digest.ts';
import { verifyFreshness } from '../verification/checks/freshness.ts';
import { verifyHmac } from '../verification/checks/hmac.ts';
import { verifyJwt } from '../verification/checks/jwt.ts';
import { verifyPublicKey } from '../verification/checks/public-key.ts';
import { verifyBasic, verifyToken } from '../verification/checks/token.ts';
import { type KeyRing, prepareKeySource } from '../verification/keys/remote-keys.ts';
import type { SignaturePlace } from '../verification/signatures/signature-candidates.ts';
import { prepareMessages } from '../verification/signatures/signed-messages.ts';
import { type PreparedContexts, prepareContexts } from './read-contexts.ts';

/** What checks know beside the request. */
export interface CheckContext {
  readonly secrets: SecretValues;
  /** Keys of providers that were fetched. */
  readonly keys: KeyRing;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** A check of the verify tree, with everything that does not depend on the request done once. */
export type Check = (input: TemplateInput, context: CheckContext) => Verdict;

export interface PreparedHandshake {
  readonly spec: HandshakeSpec;
  readonly matches: (input: TemplateInput) => boolean;
  /** What is checked of it: what every request is checked for, nothing, or checks of its own; and its token. */
  readonly verify: Check;
  readonly capture: { readonly secret: string; readonly from: Template } | undefined;
  readonly confirm: ReadCall | undefined;
  readonly body: Template | undefined;
  readonly json: Readonly<Record<string, Template>> | undefined;
  readonly headers: Readonly<Record<string, Template>>;
}

interface PreparedVariable {
  readonly from: Template;
  readonly split: string | undefined;
  readonly prefix: string | undefined;
}

/** A definition's webhook section, ready to be run against requests. */
export interface PreparedWebhook {
  readonly name: string;
  readonly decode: Definition['webhook']['decode'];
  readonly readXml: XmlReader;
  readonly vars: Readonly<Record<string, PreparedVariable>>;
  readonly verify: Check;
  readonly reply: ReplySpec;
  readonly handshakes: readonly PreparedHandshake[];
  /** The first that a request has counts; `none` where each request is a delivery of its own. */
  readonly deliveryId: readonly Template[] | 'none' | undefined;
  /** Whether one URL may serve all accounts: a request says itself whose it is. */
  readonly servesAllAccounts: boolean;
  /** Where such a request says so, if the secrets that verify it are the accounts'. */
  readonly contexts: PreparedContexts | undefined;
  /** A value that comes once, where the signature does not cover the body. */
  readonly nonce: { readonly value: Template; readonly ttlSeconds: number } | undefined;
  readonly decrypt: DecryptSpec | undefined;
  /** Whether the checks and handshakes read the body as more than bytes. */
  readonly readsBody: boolean;
  /** Where the sender's own credentials stand: they are checked, and go no further. */
  readonly credentials: { readonly headers: ReadonlySet<string>; readonly query: ReadonlySet<string> };
}

/** Items of one request that are checked; more are a rejection, since each costs a MAC. */
const maxItems = 1000;

/** Do, once per definition, all work that needs no request. */
export function prepareWebhook(
  definition: Pick<Definition, 'name' | 'webhook' | 'routing'> & Partial<Pick<Definition, 'secrets'>>,
  readXml: XmlReader,
): PreparedWebhook {
  const { webhook, routing, secrets = {} } = definition;
  const verify = prepareCheck(webhook.verify);
  return {
    name: definition.name,
    decode: webhook.decode,
    readXml,
    vars: mapValues(webhook.vars, ({ from, split, prefix }) => ({ from: template(from), split, prefix })),
    verify,
    reply: webhook.reply,
    handshakes: webhook.handshakes.map((spec) => prepareHandshake(spec, verify)),
    nonce:
      webhook.nonce === undefined
        ? undefined
        : { value: template(webhook.nonce.value), ttlSeconds: webhook.nonce.ttl_seconds },
    decrypt: webhook.decrypt,
    readsBody: /\b(json|item)\b/.test(JSON.stringify([webhook.verify, webhook.handshakes, webhook.vars])),
    deliveryId:
      webhook.delivery_id === undefined || webhook.delivery_id === 'none'
        ? webhook.delivery_id
        : [webhook.delivery_id].flat().map(template),
    servesAllAccounts: routing !== undefined,
    contexts: prepareContexts(routing, secretNames({ webhook, secrets })),
    credentials: credentialsOf(definition),
  };
}

/** The variables of a request; one that finds nothing is left out. */
export function readVariables(webhook: PreparedWebhook, input: TemplateInput): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const [name, { from, split, prefix = '' }] of Object.entries(webhook.vars)) {
    const texts = renderAll(from, input).flatMap((text) => (split === undefined ? [text] : text.split(split)));
    const found = texts.map((text) => text.trim()).find((text) => text.startsWith(prefix));
    if (found !== undefined) values[name] = found.slice(prefix.length);
  }
  return values;
}

function credentialsOf(definition: Pick<Definition, 'webhook'>): PreparedWebhook['credentials'] {
  const headers = new Set(['authorization', 'proxy-authorization', 'cookie']);
  const query = new Set<string>();
  for (const text of credentialTemplates(definition))
    for (const part of template(text).parts)
      if ('source' in part) {
        if (part.source.from === 'header') headers.add(part.source.name);
        if (part.source.from === 'query') query.add(part.source.name);
      }
  return { headers, query };
}

/** The templates of everything that proves a sender by being known, rather than by what it signs. */
function* credentialTemplates(definition: Pick<Definition, 'webhook'>): Generator<string> {
  for (const { token, url_token: urlToken, jwt } of checksOf(definition)) {
    if (token !== undefined) yield token.value;
    if (urlToken !== undefined) yield `{query.${urlToken.parameter}}`;
    if (jwt !== undefined) yield jwt.token;
  }
  for (const { capture } of definition.webhook.handshakes) if (capture !== undefined) yield capture.from;
}

function prepareCheck(node: VerifySpec): Check {
  if (node.hmac !== undefined) {
    const messages = prepareMessages(templates(node.hmac.message));
    const check = { spec: node.hmac, messages, place: placeOf(node.hmac) };
    return (input, { secrets }) => verifyHmac(check, input, secrets);
  }
  if (node.digest !== undefined) {
    const messages = prepareMessages(templates(node.digest.message));
    const check = { spec: node.digest, messages, place: placeOf(node.digest) };
    return (input, { secrets }) => verifyDigest(check, input, secrets);
  }
  if (node.public_key !== undefined) {
    const { public_key: spec } = node;
    const messages = prepareMessages(templates(spec.message));
    const check = { spec, messages, place: placeOf(spec), source: prepareKeySource(spec.key) };
    return (input, context) => verifyPublicKey(check, input, context);
  }
  if (node.jwt !== undefined) {
    const { jwt: spec } = node;
    const { covers } = spec;
    const check = {
      spec,
      source: prepareKeySource(spec.key),
      token: template(spec.token),
      claims: mapValues(spec.claims, template),
      covers:
        covers === undefined
          ? undefined
          : { items: source(covers.items), value: template(covers.value), claim: covers.claim },
    };
    return (input, context) => verifyJwt(check, input, context);
  }
  if (node.token !== undefined) return prepareToken(node.token);
  if (node.url_token !== undefined)
    return prepareToken({ value: `{query.${node.url_token.parameter}}`, expected: urlTokenSecret });
  if (node.basic !== undefined) {
    const spec = node.basic;
    return (input, { secrets }) => verifyBasic(spec, input, secrets);
  }
  if (node.freshness !== undefined) {
    const check = { spec: node.freshness, timestamp: template(node.freshness.timestamp) };
    return (input, { nowMs }) => verifyFreshness(check, input, nowMs);
  }
  if (node.all !== undefined) return prepareAll(node.all);
  if (node.any !== undefined) return prepareAny(node.any);
  if (node.cases !== undefined) return prepareCases(node.cases);
  if (node.each !== undefined) return prepareEach(node.each);
  throw new TypeError('a node of the verify tree has no check');
}

function prepareToken(spec: TokenSpec): Check {
  const check = { spec, value: template(spec.value) };
  return (input, { secrets }) => verifyToken(check, input, secrets);
}

function prepareAll(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareCheck);
  return (input, context) => {
    let undecided: Verdict | undefined;
    for (const check of checks) {
      const verdict = check(input, context);
      if (verdict.kind === 'rejected') return verdict;
      // A key is fetched only for a request that passes all that can be decided without it.
      if (verdict.kind === 'key-needed') undecided ??= verdict;
    }
    return undecided ?? { kind: 'verified' };
  };
}

function prepareAny(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareCheck);
  return (input, context) => {
    const verdicts: Verdict[] = [];
    for (const check of checks) {
      const verdict = check(input, context);
      if (verdict.kind === 'verified') return verdict;
      verdicts.push(verdict);
    }
    return (
      verdicts.find(({ kind }) => kind === 'key-needed') ??
      verdicts[0] ?? { kind: 'rejected', reason: 'signature-mismatch' }
    );
  };
}

function prepareCases(cases: NonNullable<VerifySpec['cases']>): Check {
  const prepared = cases.map(({ when, verify }) => ({
    matches: when === undefined ? () => true : prepareCondition(when),
    check: prepareCheck(verify),
  }));
  return (input, context) =>
    prepared.find(({ matches }) => matches(input))?.check(input, context) ?? {
      kind: 'rejected',
      reason: 'no-known-signature-version',
    };
}

function prepareEach({ items, verify }: NonNullable<VerifySpec['each']>): Check {
  const from = source(items);
  const check = prepareCheck(verify);
  return (input, context) => {
    const list = readSource(from, input);
    if (!Array.isArray(list) || list.length === 0 || list.length > maxItems)
      return { kind: 'rejected', reason: 'items-missing', detail: items };
    let undecided: Verdict | undefined;
    for (const item of list as unknown[]) {
      const verdict = check({ ...input, item }, context);
      if (verdict.kind === 'rejected') return verdict;
      if (verdict.kind === 'key-needed') undecided ??= verdict;
    }
    return undecided ?? { kind: 'verified' };
  };
}

function prepareHandshake(spec: HandshakeSpec, same: Check): PreparedHandshake {
  const conditions = (Array.isArray(spec.when) ? spec.when : [spec.when]).map(prepareCondition);
  const { body, json, headers } = spec.respond;
  const { verify, token, capture, confirm } = spec;
  const own =
    verify === 'same' ? same : verify === 'none' ? () => ({ kind: 'verified' }) as const : prepareCheck(verify);
  const carried = token === undefined ? undefined : prepareToken(token);
  return {
    spec,
    body: body === undefined ? undefined : template(body),
    json: json === undefined ? undefined : mapValues(json, template),
    headers: mapValues(headers, template),
    verify(input, context) {
      const verdict = own(input, context);
      return verdict.kind === 'verified' && carried !== undefined ? carried(input, context) : verdict;
    },
    capture: capture === undefined ? undefined : { secret: capture.secret, from: template(capture.from) },
    confirm: confirm === undefined ? undefined : prepareCall(confirm),
    matches: (input) => conditions.some((holds) => holds(input)),
  };
}

/** A condition over a request: every source has one of its values, or is there as it should be. */
export function prepareCondition(condition: ConditionSpec): (input: TemplateInput) => boolean {
  const terms = Object.entries(condition).map(([name, expected]) => {
    const from = source(name);
    if (typeof expected === 'object' && 'present' in expected)
      return (input: TemplateInput) => isPresent(readSource(from, input)) === expected.present;
    const values = (Array.isArray(expected) ? expected : [expected]).map(String);
    return (input: TemplateInput) => {
      const value = readSource(from, input);
      const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      return isScalar && values.includes(String(value));
    };
  });
  return (input) => terms.every((holds) => holds(input));
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function placeOf(spec: {
  readonly signature: string;
  readonly split?: string | undefined;
  readonly prefix?: string | undefined;
  readonly encoding: SignaturePlace['encoding'];
}): SignaturePlace {
  const { signature, split, prefix, encoding } = spec;
  return { signature: template(signature), written: signature, split, prefix, encoding };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function templates(message: string | readonly string[]): readonly Template[] {
  return (typeof message === 'string' ? [message] : message).map(template);
}

/** Definitions are validated where they are compiled: a fault here is a definition that was not. */
function template(text: string): Template {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(`template "${text}": ${parsed.message}`);
  return parsed.template;
}

function source(name: string): Source {
  const parsed = parseSource(name);
  if (parsed === undefined) throw new TypeError(`"${name}" is no source`);
  return parsed;
}
