import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { secretNames } from '../../../lambdas/engine/definition/checks-within.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import {
  checkResource,
  type DataFault,
  type PreparedResources,
  prepareResources,
} from '../../../lambdas/engine/mapping/check-resource.ts';
import { type DecidedReception, receiveWebhook } from '../../../lambdas/engine/reception/decide-reception.ts';
import {
  type IngressAnswer,
  type IngressSettlement,
  ingressAnswer,
  settleReception,
} from '../../../lambdas/engine/reception/ingress-answer.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { readResources } from '../../definitions/compile-resources.ts';
import { contextsOf as readContextsOf } from '../../definitions/contexts-of.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { collapseRepeated, describeDataFault } from '../explain/explain-mapping.ts';
import {
  type ExplainedSignature,
  type ExplainedTime,
  explainRejection,
  formatExplanation,
} from '../explain/explain-rejection.ts';
import { loadDefinition } from '../explain/load-integration.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { nearestName, suggestion } from '../explain/nearest-name.ts';

/** What ingress would answer and normalize would make of it. */
interface Verification {
  readonly outcome: 'verified' | 'handshake' | 'rejected';
  /** Why it is rejected or, though verified, not accepted. */
  readonly reason: string | null;
  /** What the reason is about: a part of the request, a bound, an encoding. */
  readonly detail?: string;
  /** Signatures that do not hold: what was signed by our reckoning, and what would make them hold. */
  readonly signed?: readonly ExplainedSignature[];
  /** Times that are not within their bounds. */
  readonly times?: readonly ExplainedTime[];
  readonly response: IngressAnswer;
  readonly events: readonly UnsequencedEvent[];
  /** Whose it is at the URL for all accounts; absent where the definition has no routing. */
  readonly contexts?: {
    readonly account_context: string;
    readonly values: readonly string[];
    /** Whose secrets verify it there. */
    readonly secrets: 'app' | 'account';
  };
  readonly mapping_error?: string;
  /** Where the data of events does not fit the schema of its resource; absent where it does. */
  readonly drift?: readonly EventDrift[];
}

interface EventDrift extends DataFault {
  /** Place in `events`, from 0. */
  readonly event: number;
  readonly resource: string;
}

export const verifyCommand: Command = {
  name: 'verify',
  positionals: ['<integration>', '<request.json>'],
  summary: 'why does this signature fail? what ingress would answer and what events would come of it',
  help: [
    '--secrets <secrets.json>  {"<name>": "<value>" | ["<value>", …]}, names as the definition declares them',
    '--now <ISO time>          the time to verify at (default: now; UTC where it has no offset)',
    'request.json is {"method", "url", "headers", "body" or "body_base64"}.',
    'Of a signature that does not match it tells what was signed, secrets masked, and which change would make it match.',
    'Exit status: 0 verified or handshake, 1 rejected, 2 unusable input.',
  ],
  options: { secrets: { type: 'string' }, now: { type: 'string' } },
  run: verifyRequest,
};

async function verifyRequest(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = '', requestFile = ''] = args.positionals;
  const definition = loadDefinition(ports.integrations, integration);
  const secretsFile = textOption(args, 'secrets');
  const secrets = secretsFile === undefined ? {} : readSecrets(secretsFile, definition);
  const request = readRequest(requestFile, integration);
  const now = textOption(args, 'now');
  const resources = prepareResources(readResources(ports.integrations).schemas, { everyFault: true });
  const verification = await verifyOffline(
    definition,
    request,
    secrets,
    resources,
    now === undefined ? ports.nowMs() : parseInstant(now),
  );
  return {
    exitCode: verification.outcome === 'rejected' ? 1 : 0,
    output: present(args, verification, describe(verification, resources)),
  };
}

async function verifyOffline(
  definition: Definition,
  request: WebhookRequest,
  secrets: SecretValues,
  resources: PreparedResources,
  nowMs: number,
): Promise<Verification> {
  const { reply } = definition.webhook;
  if (request.body.length > limits.maxBodyBytes) {
    const response = ingressAnswer({ kind: 'too-large' }, reply);
    return { outcome: 'rejected', reason: 'too-large', response, events: [] };
  }
  const received = receiveWebhook(prepareWebhook(definition, readXml), request, secrets, nowMs);
  // Offline nothing is fetched: the key is one of the secrets, or it is missing.
  const reception =
    received.kind === 'key-needed'
      ? ({ kind: 'rejected', reason: 'secret-not-configured', detail: received.pinned } as const)
      : received;
  const settlement = settleReception(reception, request.method);
  const settled = {
    outcome: outcomeOf(reception),
    reason: reasonOf(reception, settlement),
    ...explanationOf(definition, request, secrets, nowMs, reception),
    response: ingressAnswer(settlement, reply),
    // Such a request is asked whose it is before it is verified.
    ...namedContexts(definition, readContextsOf(definition, request)),
  };
  if (settlement.kind !== 'accepted') return { ...settled, events: [] };
  const mapped = await mapRequestOffline(definition, request, secrets, nowMs, resources);
  return mapped.kind === 'mapped'
    ? {
        ...settled,
        ...namedContexts(definition, mapped.named),
        events: mapped.events,
        ...driftOf(resources, mapped.events),
      }
    : { ...settled, events: [], mapping_error: mapped.reason };
}

function namedContexts(
  { routing }: Definition,
  values: readonly string[] | undefined,
): Pick<Verification, 'contexts'> | undefined {
  return routing === undefined || values === undefined
    ? undefined
    : { contexts: { account_context: routing.account_context, values, secrets: routing.secrets } };
}

/** The detail that the engine has, and what a look at the checks adds to it; nothing of what holds. */
function explanationOf(
  definition: Definition,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
  reception: DecidedReception,
): Pick<Verification, 'detail' | 'signed' | 'times'> {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  if (verdict.kind !== 'rejected')
    return reception.kind === 'malformed' ? { detail: `expected ${reception.expected}` } : {};
  const { signed, times } = explainRejection(definition, request, secrets, nowMs);
  return {
    ...(verdict.detail === undefined ? {} : { detail: verdict.detail }),
    ...(signed.length === 0 ? {} : { signed }),
    ...(times.length === 0 ? {} : { times }),
  };
}

function driftOf(
  resources: PreparedResources,
  events: readonly UnsequencedEvent[],
): Pick<Verification, 'drift'> | undefined {
  const drift = events.flatMap(({ resource, data }, event) =>
    (checkResource(resources, resource, data) ?? []).map((fault) => ({ event, resource, ...fault })),
  );
  return drift.length === 0 ? undefined : { drift };
}

function outcomeOf(reception: DecidedReception): Verification['outcome'] {
  return reception.kind === 'malformed' ? reception.verdict.kind : reception.kind;
}

function reasonOf(reception: DecidedReception, settlement: IngressSettlement): string | null {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  if (verdict.kind === 'rejected') return verdict.reason;
  if (settlement.kind === 'method-not-allowed') return settlement.kind;
  return settlement.kind === 'malformed' ? 'body-malformed' : null;
}

function describe(verification: Verification, resources: PreparedResources): readonly string[] {
  const { outcome, reason, detail, response, events, mapping_error: fault, drift = [] } = verification;
  const { signed = [], times = [], contexts } = verification;
  const isProblem = response.headers['content-type'] === 'application/problem+json';
  const body = isProblem ? (JSON.parse(response.body) as { readonly detail: string }).detail : response.body;
  return [
    `${outcome}${reason === null ? '' : `: ${reason}`}${detail === undefined ? '' : ` (${detail})`}`,
    ...formatExplanation({ signed, times }),
    `answer ${response.status}${body === '' ? '' : ` ${body}`}`,
    ...(contexts === undefined
      ? []
      : [
          `contexts: ${contexts.account_context} ${contexts.values.map((value) => JSON.stringify(value)).join(', ') || 'none'}${contexts.secrets === 'account' ? '; at the URL for all accounts, their secrets verify' : ''}`,
        ]),
    ...(fault === undefined ? [] : [`mapping error: ${fault}`]),
    ...(outcome === 'verified' && fault === undefined && response.status < 300
      ? [count(events.length, 'event'), ...events.map((event) => JSON.stringify(event, undefined, 2))]
      : []),
    ...collapseRepeated(
      drift.map(({ event, resource, ...one }) => `drift: ${describeDataFault(resources, resource, event, one)}`),
    ),
  ];
}

const headerValue = z.union([z.string(), z.number()]).transform(String);

const requestSchema = z.looseObject({
  method: z.string().min(1).default('POST'),
  url: z.string().nullish(),
  headers: z.record(z.string(), z.union([headerValue, z.array(headerValue)])).nullish(),
  body: z.string('expected a string: JSON too, exactly as it was sent').nullish(),
  body_base64: z.base64().nullish(),
});

function readRequest(file: string, integration: string): WebhookRequest {
  const raw = readJson(file);
  const parsed = requestSchema.safeParse(raw);
  if (!parsed.success) throw new UnusableInput(`${file} is no request.\n${z.prettifyError(parsed.error)}`);
  const known = Object.keys(requestSchema.shape);
  for (const name of Object.keys(parsed.data)) {
    const meant = known.includes(name) ? undefined : nearestName(name, known);
    if (meant !== undefined) throw new UnusableInput(`${file}: got the key "${name}". Did you mean "${meant}"?`);
  }
  const { method, headers, body, body_base64: base64 } = parsed.data;
  if (body != null && base64 != null)
    throw new UnusableInput(`${file} has both "body" and "body_base64", expected one of them.`);
  const url = parsed.data.url ?? `https://example.com/in/${integration}`;
  // As it is written: a parsed URL would be normalized, and it may be part of what is signed.
  const [, path = '', query = ''] = /^https?:\/\/[^/?#]+([^?#]*)(?:\?([^#]*))?/i.exec(url) ?? [];
  if (!/^https?:/i.test(url) || !URL.canParse(url))
    throw new UnusableInput(`${file}: got the url "${url}", expected an absolute http or https URL, or null.`);
  return {
    method: method.toUpperCase(),
    url,
    path: path === '' ? '/' : path,
    query,
    headers: joinHeaders(headers ?? {}),
    body: base64 == null ? Buffer.from(body ?? '') : Buffer.from(base64, 'base64'),
  };
}

/** Lower-case names; repeated headers joined by a comma, as API Gateway does. */
function joinHeaders(headers: Readonly<Record<string, string | readonly string[]>>): Readonly<Record<string, string>> {
  const joined = new Map<string, string>();
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    for (const one of [value].flat()) joined.set(name, joined.has(name) ? `${joined.get(name)},${one}` : one);
  }
  return Object.fromEntries(joined);
}

const secretsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

function readSecrets(file: string, definition: Definition): SecretValues {
  const parsed = secretsSchema.safeParse(readJson(file));
  if (!parsed.success) {
    // Not the issues' own words: what stands in this file is not repeated.
    const places = parsed.error.issues.map(({ path }) => (path.length === 0 ? 'the file' : `"${path.join('.')}"`));
    throw new UnusableInput(
      `${file} holds no secrets: ${places.join(', ')} is not as expected: {"<name>": "<value>" or ["<value>", …]}.`,
    );
  }
  const names = secretNames(definition);
  for (const name of Object.keys(parsed.data))
    if (!names.includes(name))
      throw new UnusableInput(
        `${file}: "${definition.name}" declares no secret "${name}", but ${names.join(', ') || 'none'}.${suggestion(name, names)}`,
      );
  return parsed.data;
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new UnusableInput(`${file} is no JSON.`);
  }
}

function parseInstant(text: string): number {
  const [, date, offset] =
    /^(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)(Z|[+-]\d{2}:?\d{2})?$/i.exec(text) ?? [];
  const instantMs = date === undefined ? Number.NaN : Date.parse(date.includes('T') ? `${date}${offset ?? 'Z'}` : text);
  if (Number.isNaN(instantMs))
    throw new UnusableInput(`--now: got "${text}", expected an ISO 8601 time such as 2026-11-21T12:00:00Z.`);
  return instantMs;
}
