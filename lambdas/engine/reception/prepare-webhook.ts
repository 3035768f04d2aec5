import { checksOf, secretNames } from '../definition/checks-within.ts';
import type { WebhookDefinition } from '../definition/schema.ts';
import type { HandshakeSpec, ReplySpec } from '../definition/webhook-schema.ts';
import type { DecryptSpec } from '../mapping/decrypt-schema.ts';
import { prepareCall, type ReadCall } from '../outbound/outbound-call.ts';
import type { XmlReader } from '../request/decode-body.ts';
import { renderAll, type Template, type TemplateInput, toTemplate } from '../template/template.ts';
import type { Check } from '../verification/check-kind.ts';
import { kindOf } from '../verification/check-kinds.ts';
import { prepareToken } from '../verification/checks/token.ts';
import { prepareChecks, prepareCondition } from '../verification/prepare-checks.ts';
import { allowSources, type SourceFilter } from './allowed-sources.ts';
import { type PreparedContexts, prepareContexts } from './read-contexts.ts';

export interface PreparedHandshake {
  readonly spec: HandshakeSpec;
  readonly matches: (input: TemplateInput) => boolean;
  /** The checks of every request, no checks, or the handshake's own checks; then its token, if it has one. */
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

/** A definition's webhook section, ready to run against requests. */
export interface PreparedWebhook {
  readonly name: string;
  readonly decode: WebhookDefinition['webhook']['decode'];
  readonly readXml: XmlReader;
  readonly vars: Readonly<Record<string, PreparedVariable>>;
  readonly verify: Check;
  readonly reply: ReplySpec;
  /** From which addresses the provider sends. */
  readonly allowsSource: SourceFilter;
  readonly handshakes: readonly PreparedHandshake[];
  /** Templates in order of preference; `none` if each request is its own delivery. */
  readonly deliveryId: readonly Template[] | 'none' | undefined;
  /** Whether one URL may serve all accounts, because each request names its account. */
  readonly servesAllAccounts: boolean;
  /** Where requests of a shared URL name the account, if secrets of accounts verify them. */
  readonly contexts: PreparedContexts | undefined;
  /** A single-use value, for signatures that do not cover the body. */
  readonly nonce: { readonly value: Template; readonly ttlSeconds: number } | undefined;
  readonly decrypt: DecryptSpec | undefined;
  /** Whether the checks or handshakes read the decoded body. */
  readonly readsBody: boolean;
  /** Headers and query parameters that hold the sender's credentials; ingress removes them after the checks. */
  readonly credentials: { readonly headers: ReadonlySet<string>; readonly query: ReadonlySet<string> };
}

/** Do all work that needs no request, once per definition. */
export function prepareWebhook(
  definition: Pick<WebhookDefinition, 'name' | 'webhook' | 'routing'> & Partial<Pick<WebhookDefinition, 'secrets'>>,
  readXml: XmlReader,
): PreparedWebhook {
  const { webhook, routing, secrets = {} } = definition;
  const verify = prepareChecks(webhook.verify);
  return {
    name: definition.name,
    decode: webhook.decode,
    readXml,
    vars: mapValues(webhook.vars, ({ from, split, prefix }) => ({ from: toTemplate(from), split, prefix })),
    verify,
    reply: webhook.reply,
    allowsSource: allowSources(webhook.allow_from),
    handshakes: webhook.handshakes.map((spec) => prepareHandshake(spec, verify)),
    nonce:
      webhook.nonce === undefined
        ? undefined
        : { value: toTemplate(webhook.nonce.value), ttlSeconds: webhook.nonce.ttl_seconds },
    decrypt: webhook.decrypt,
    readsBody: /\b(json|item)\b/.test(JSON.stringify([webhook.verify, webhook.handshakes, webhook.vars])),
    deliveryId:
      webhook.delivery_id === undefined || webhook.delivery_id === 'none'
        ? webhook.delivery_id
        : [webhook.delivery_id].flat().map(toTemplate),
    servesAllAccounts: routing !== undefined,
    contexts: prepareContexts(routing, secretNames({ webhook, secrets })),
    credentials: credentialsOf(definition),
  };
}

/** Read the variables of a request; omit those without a value. */
export function readVariables(webhook: PreparedWebhook, input: TemplateInput): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const [name, { from, split, prefix = '' }] of Object.entries(webhook.vars)) {
    const texts = renderAll(from, input).flatMap((text) => (split === undefined ? [text] : text.split(split)));
    const found = texts.map((text) => text.trim()).find((text) => text.startsWith(prefix));
    if (found !== undefined) values[name] = found.slice(prefix.length);
  }
  return values;
}

function credentialsOf(definition: Pick<WebhookDefinition, 'webhook'>): PreparedWebhook['credentials'] {
  const headers = new Set(['authorization', 'proxy-authorization', 'cookie']);
  const query = new Set<string>();
  for (const text of credentialTemplates(definition))
    for (const part of toTemplate(text).parts)
      if ('source' in part) {
        if (part.source.from === 'header') headers.add(part.source.name);
        if (part.source.from === 'query') query.add(part.source.name);
      }
  return { headers, query };
}

/** Templates that read credentials: values that identify the sender without signing the request. */
function* credentialTemplates(definition: Pick<WebhookDefinition, 'webhook'>): Generator<string> {
  for (const { name, spec } of checksOf(definition)) yield* kindOf(name).credentials?.(spec) ?? [];
  for (const { capture } of definition.webhook.handshakes) if (capture !== undefined) yield capture.from;
}

function prepareHandshake(spec: HandshakeSpec, same: Check): PreparedHandshake {
  const conditions = (Array.isArray(spec.when) ? spec.when : [spec.when]).map(prepareCondition);
  const { body, json, headers } = spec.respond;
  const { verify, token, capture, confirm } = spec;
  const own =
    verify === 'same' ? same : verify === 'none' ? () => ({ kind: 'verified' }) as const : prepareChecks(verify);
  const carried = token === undefined ? undefined : prepareToken(token);
  return {
    spec,
    body: body === undefined ? undefined : toTemplate(body),
    json: json === undefined ? undefined : mapValues(json, toTemplate),
    headers: mapValues(headers, toTemplate),
    verify(input, context) {
      const verdict = own(input, context);
      return verdict.kind === 'verified' && carried !== undefined ? carried(input, context) : verdict;
    },
    capture: capture === undefined ? undefined : { secret: capture.secret, from: toTemplate(capture.from) },
    confirm: confirm === undefined ? undefined : prepareCall(confirm),
    matches: (input) => conditions.some((holds) => holds(input)),
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
