import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../lambdas/engine/mapping/canonical-event.ts';
import {
  type IngressAnswer,
  type IngressSettlement,
  ingressAnswer,
  settleReception,
} from '../../lambdas/engine/verification/ingress-answer.ts';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import { type Reception, receiveWebhook } from '../../lambdas/engine/verification/receive-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from './command.ts';
import { loadDefinition } from './load-integration.ts';
import { mapRequestOffline } from './map-request-offline.ts';
import { nearestName, suggestion } from './nearest-name.ts';

/** What ingress would answer and normalize would make of it. */
interface Verification {
  readonly outcome: 'verified' | 'handshake' | 'rejected';
  /** Why it is rejected or, though verified, not accepted. */
  readonly reason: string | null;
  readonly response: IngressAnswer;
  readonly events: readonly UnsequencedEvent[];
  readonly mapping_error?: string;
}

export const verifyCommand: Command = {
  name: 'verify',
  positionals: ['<integration>', '<request.json>'],
  summary: 'why does this signature fail? what ingress would answer and what events would come of it',
  help: [
    '--secrets <secrets.json>  {"<name>": "<value>" | ["<value>", …]}, names as the definition declares them',
    '--now <ISO time>          the time to verify at (default: now; UTC where it has no offset)',
    'request.json is {"method", "url", "headers", "body" or "body_base64"}.',
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
  const verification = await verifyOffline(
    definition,
    request,
    secrets,
    now === undefined ? ports.nowMs() : parseInstant(now),
  );
  return {
    exitCode: verification.outcome === 'rejected' ? 1 : 0,
    output: present(args, verification, describe(verification)),
  };
}

async function verifyOffline(
  definition: Definition,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
): Promise<Verification> {
  const { reply } = definition.webhook;
  if (request.body.length > limits.maxBodyBytes) {
    const response = ingressAnswer({ kind: 'too-large' }, reply);
    return { outcome: 'rejected', reason: 'too-large', response, events: [] };
  }
  const reception = receiveWebhook(prepareWebhook(definition), request, secrets, nowMs);
  const settlement = settleReception(reception, request.method);
  const settled = {
    outcome: outcomeOf(reception),
    reason: reasonOf(reception, settlement),
    response: ingressAnswer(settlement, reply),
  };
  if (settlement.kind !== 'accepted') return { ...settled, events: [] };
  const mapped = await mapRequestOffline(definition, request, nowMs);
  return mapped.kind === 'mapped'
    ? { ...settled, events: mapped.events }
    : { ...settled, events: [], mapping_error: mapped.reason };
}

function outcomeOf(reception: Reception): Verification['outcome'] {
  return reception.kind === 'malformed' ? reception.verdict.kind : reception.kind;
}

function reasonOf(reception: Reception, settlement: IngressSettlement): string | null {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  if (verdict.kind === 'rejected') return verdict.reason;
  if (settlement.kind === 'method-not-allowed') return settlement.kind;
  return settlement.kind === 'malformed' ? 'body-malformed' : null;
}

function describe({ outcome, reason, response, events, mapping_error: fault }: Verification): readonly string[] {
  const isProblem = response.headers['content-type'] === 'application/problem+json';
  const body = isProblem ? (JSON.parse(response.body) as { readonly detail: string }).detail : response.body;
  return [
    reason === null ? outcome : `${outcome}: ${reason}`,
    `answer ${response.status}${body === '' ? '' : ` ${body}`}`,
    ...(fault === undefined ? [] : [`mapping error: ${fault}`]),
    ...(outcome === 'verified' && fault === undefined && response.status < 300
      ? [count(events.length, 'event'), ...events.map((event) => JSON.stringify(event, undefined, 2))]
      : []),
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
  const names = Object.keys(definition.secrets);
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
