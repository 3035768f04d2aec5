import type { ConditionSpec, Definition, HandshakeSpec, ReplySpec, VerifySpec } from '../definition/schema.ts';
import {
  parseSource,
  parseTemplate,
  readSource,
  renderAll,
  type Source,
  type Template,
  type TemplateInput,
} from '../definition/template.ts';
import { secretsIn, valuesOf } from './secret-values.ts';
import type { SignaturePlace } from './signature-candidates.ts';
import { verifyDigest } from './verify-digest.ts';
import { verifyFreshness } from './verify-freshness.ts';
import { verifyHmac } from './verify-hmac.ts';
import { verifyJwt } from './verify-jwt.ts';
import { verifyPublicKey } from './verify-public-key.ts';
import { verifyBasic, verifyToken } from './verify-token.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

/** A check of the verify tree, with everything that does not depend on the request done once. */
export type Check = (input: TemplateInput, secrets: SecretValues, nowMs: number) => Verdict;

export interface PreparedHandshake {
  readonly spec: HandshakeSpec;
  readonly matches: (input: TemplateInput) => boolean;
  /** The token that the handshake itself carries; verifies anything where it carries none. */
  readonly verifyToken: Check;
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
  readonly vars: Readonly<Record<string, PreparedVariable>>;
  readonly verify: Check;
  readonly reply: ReplySpec;
  readonly handshakes: readonly PreparedHandshake[];
  /** `none` where each request is a delivery of its own. */
  readonly deliveryId: Template | 'none' | undefined;
  /** Whether one URL may serve all accounts: a request says itself whose it is. */
  readonly servesAllAccounts: boolean;
  /** Where the sender's own credentials stand: they are checked, and go no further. */
  readonly credentials: { readonly headers: ReadonlySet<string>; readonly query: ReadonlySet<string> };
}

/** Items of one request that are checked; more are a rejection, since each costs a MAC. */
const maxItems = 1000;

/** Do, once per definition, all work that needs no request. */
export function prepareWebhook(definition: Pick<Definition, 'name' | 'webhook' | 'routing'>): PreparedWebhook {
  const { webhook } = definition;
  return {
    name: definition.name,
    decode: webhook.decode,
    vars: mapValues(webhook.vars, ({ from, split, prefix }) => ({ from: template(from), split, prefix })),
    verify: prepareCheck(webhook.verify),
    reply: webhook.reply,
    handshakes: webhook.handshakes.map(prepareHandshake),
    deliveryId:
      webhook.delivery_id === undefined || webhook.delivery_id === 'none'
        ? webhook.delivery_id
        : template(webhook.delivery_id),
    servesAllAccounts: definition.routing !== undefined,
    credentials: credentialsOf(webhook.verify),
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

function credentialsOf(verify: VerifySpec): PreparedWebhook['credentials'] {
  const headers = new Set(['authorization', 'proxy-authorization', 'cookie']);
  const query = new Set<string>();
  for (const text of tokenTemplates(verify))
    for (const part of template(text).parts)
      if ('source' in part) {
        if (part.source.from === 'header') headers.add(part.source.name);
        if (part.source.from === 'query') query.add(part.source.name);
      }
  return { headers, query };
}

/** The templates of everything that proves a sender by being known, rather than by what it signs. */
function* tokenTemplates(node: VerifySpec): Generator<string> {
  if (node.token !== undefined) yield node.token.value;
  if (node.jwt !== undefined) yield node.jwt.token;
  for (const branch of [...(node.all ?? []), ...(node.any ?? [])]) yield* tokenTemplates(branch);
  for (const { verify } of node.cases ?? []) yield* tokenTemplates(verify);
  if (node.each !== undefined) yield* tokenTemplates(node.each.verify);
}

function prepareCheck(node: VerifySpec): Check {
  if (node.hmac !== undefined) {
    const messages = templates(node.hmac.message);
    const check = { spec: node.hmac, messages, place: placeOf(node.hmac), secrets: secretsIn(messages) };
    return (input, secrets) => verifyHmac(check, input, secrets);
  }
  if (node.digest !== undefined) {
    const messages = templates(node.digest.message);
    const check = { spec: node.digest, messages, place: placeOf(node.digest), secrets: secretsIn(messages) };
    return (input, secrets) => verifyDigest(check, input, secrets);
  }
  if (node.public_key !== undefined) {
    const { public_key: spec } = node;
    const messages = templates(spec.message);
    const check = { spec, messages, place: placeOf(spec), secrets: secretsIn(messages) };
    return (input, secrets) => verifyPublicKey(check, input, secrets);
  }
  if (node.jwt !== undefined) {
    const check = { spec: node.jwt, token: template(node.jwt.token), claims: mapValues(node.jwt.claims, template) };
    return (input, secrets, nowMs) =>
      verifyJwt(check, { ...input, secrets: { ...firstValues(secrets), ...input.secrets } }, secrets, nowMs);
  }
  if (node.token !== undefined) {
    const check = { spec: node.token, value: template(node.token.value) };
    return (input, secrets) => verifyToken(check, input, secrets);
  }
  if (node.basic !== undefined) {
    const spec = node.basic;
    return (input, secrets) => verifyBasic(spec, input, secrets);
  }
  if (node.freshness !== undefined) {
    const check = { spec: node.freshness, timestamp: template(node.freshness.timestamp) };
    return (input, _secrets, nowMs) => verifyFreshness(check, input, nowMs);
  }
  if (node.all !== undefined) return prepareAll(node.all);
  if (node.any !== undefined) return prepareAny(node.any);
  if (node.cases !== undefined) return prepareCases(node.cases);
  if (node.each !== undefined) return prepareEach(node.each);
  throw new TypeError('a node of the verify tree has no check');
}

function prepareAll(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareCheck);
  return (input, secrets, nowMs) => {
    for (const check of checks) {
      const verdict = check(input, secrets, nowMs);
      if (verdict.kind === 'rejected') return verdict;
    }
    return { kind: 'verified' };
  };
}

function prepareAny(nodes: readonly VerifySpec[]): Check {
  const checks = nodes.map(prepareCheck);
  return (input, secrets, nowMs) => {
    let first: Verdict | undefined;
    for (const check of checks) {
      const verdict = check(input, secrets, nowMs);
      if (verdict.kind === 'verified') return verdict;
      first ??= verdict;
    }
    return first ?? { kind: 'rejected', reason: 'signature-mismatch' };
  };
}

function prepareCases(cases: NonNullable<VerifySpec['cases']>): Check {
  const prepared = cases.map(({ when, verify }) => ({
    matches: when === undefined ? () => true : prepareCondition(when),
    check: prepareCheck(verify),
  }));
  return (input, secrets, nowMs) =>
    prepared.find(({ matches }) => matches(input))?.check(input, secrets, nowMs) ?? {
      kind: 'rejected',
      reason: 'no-known-signature-version',
    };
}

function prepareEach({ items, verify }: NonNullable<VerifySpec['each']>): Check {
  const from = source(items);
  const check = prepareCheck(verify);
  return (input, secrets, nowMs) => {
    const list = readSource(from, input);
    if (!Array.isArray(list) || list.length === 0 || list.length > maxItems)
      return { kind: 'rejected', reason: 'items-missing', detail: items };
    for (const item of list as unknown[]) {
      const verdict = check({ ...input, item }, secrets, nowMs);
      if (verdict.kind === 'rejected') return verdict;
    }
    return { kind: 'verified' };
  };
}

function prepareHandshake(spec: HandshakeSpec): PreparedHandshake {
  const conditions = (Array.isArray(spec.when) ? spec.when : [spec.when]).map(prepareCondition);
  const { body, json, headers } = spec.respond;
  return {
    spec,
    body: body === undefined ? undefined : template(body),
    json: json === undefined ? undefined : mapValues(json, template),
    headers: mapValues(headers, template),
    verifyToken: spec.token === undefined ? () => ({ kind: 'verified' }) : prepareCheck({ token: spec.token }),
    matches: (input) => conditions.some((holds) => holds(input)),
  };
}

/** A condition over a request: every source has one of its values, or is there as it should be. */
function prepareCondition(condition: ConditionSpec): (input: TemplateInput) => boolean {
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

/** Templates outside of a signature's message read a secret's first value: an id, which does not rotate. */
export function firstValues(secrets: SecretValues): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(secrets).flatMap((name) =>
      valuesOf(secrets, name)
        .slice(0, 1)
        .map((value) => [name, value] as const),
    ),
  );
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
