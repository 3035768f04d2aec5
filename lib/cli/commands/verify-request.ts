import { limits } from '../../../lambdas/contracts/limits.ts';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import {
  checkResource,
  type DataFault,
  type PreparedResources,
  prepareResources,
} from '../../../lambdas/engine/mapping/check-resource.ts';
import type { MappedPoll } from '../../../lambdas/engine/mapping/map-request.ts';
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
import { loadResources, loadWebhookDefinition } from '../explain/load-integration.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { rejectionDetail } from '../explain/rejection-detail.ts';
import { readRequest, readSecrets } from './read-request.ts';

/** The answer that ingress would give, and the events that normalize would map. */
interface Verification {
  readonly outcome: 'verified' | 'handshake' | 'rejected';
  /** Why the request is rejected or, although verified, not accepted. */
  readonly reason: string | null;
  /** The subject of the reason: a part of the request, a bound, an encoding. */
  readonly detail?: string;
  /** Signatures that do not match: the message that the definition signs, and a change that would make them match. */
  readonly signed?: readonly ExplainedSignature[];
  /** Times outside their bounds. */
  readonly times?: readonly ExplainedTime[];
  readonly response: IngressAnswer;
  readonly events: readonly UnsequencedEvent[];
  /** What is polled at once; absent where the mapping asks for nothing. */
  readonly polls?: readonly MappedPoll[];
  /** The accounts of the request at the URL for all accounts; absent if the definition has no routing. */
  readonly contexts?: {
    readonly account_context: string;
    readonly values: readonly string[];
    /** Whose secrets verify the request there. */
    readonly secrets: 'app' | 'account';
  };
  readonly mapping_error?: string;
  /** What was not checked, and why. */
  readonly notes?: readonly string[];
  /** Where the data of events violates the schema of its resource; absent if it does not. */
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
  definitions: 'read',
  summary: 'explain why a signature fails; show the answer of ingress and the mapped events',
  help: [
    '--secrets <secrets.json>  {"<name>": "<value>" | ["<value>", …]}, names as the definition declares them',
    '--now <ISO time>          the time to verify at (default: now; UTC if it has no offset)',
    'request.json is {"method", "url", "headers", "body" or "body_base64", "source_ip"}; source_ip, the address of',
    'the sender, is compared with the allow_from of the definition.',
    'For a signature that does not match, it shows the signed message, secrets masked, and a change that would match.',
    'Exit status: 0 verified or handshake, 1 rejected, 2 unusable input.',
  ],
  options: { secrets: { type: 'string' }, now: { type: 'string' } },
  run: verifyRequest,
};

async function verifyRequest(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = '', requestFile = ''] = args.positionals;
  const definition = loadWebhookDefinition(ports.integrations, integration);
  const secretsFile = textOption(args, 'secrets');
  const secrets = secretsFile === undefined ? {} : readSecrets(secretsFile, definition);
  const request = readRequest(requestFile, integration);
  const now = textOption(args, 'now');
  const resources = prepareResources(loadResources(ports).schemas, { everyFault: true });
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
  definition: WebhookDefinition,
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
  const webhook = prepareWebhook(definition, readXml);
  const { sourceIp } = request;
  if (sourceIp !== undefined && !webhook.allowsSource(sourceIp)) return refusedSource(definition, sourceIp);
  const received = receiveWebhook(webhook, request, secrets, nowMs);
  // Offline the command fetches nothing: a key that is not among the secrets is missing.
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
    // Ingress determines the account of such a request before it verifies it.
    ...namedContexts(definition, readContextsOf(definition, request)),
    ...uncheckedSource(definition, request),
  };
  if (settlement.kind !== 'accepted') return { ...settled, events: [] };
  const mapped = await mapRequestOffline(definition, request, secrets, nowMs, resources);
  return mapped.kind === 'mapped'
    ? {
        ...settled,
        ...namedContexts(definition, mapped.named),
        events: mapped.events,
        ...(mapped.polls.length === 0 ? {} : { polls: mapped.polls }),
        ...driftOf(resources, mapped.events),
      }
    : { ...settled, events: [], mapping_error: mapped.reason };
}

function refusedSource({ webhook }: WebhookDefinition, sourceIp: string): Verification {
  return {
    outcome: 'rejected',
    reason: 'source-not-allowed',
    detail: `got ${sourceIp}, expected an address in webhook.allow_from: ${webhook.allow_from?.join(', ')}`,
    response: ingressAnswer({ kind: 'source-not-allowed', by: 'definition' }, webhook.reply),
    events: [],
  };
}

function uncheckedSource(
  { webhook }: WebhookDefinition,
  { sourceIp }: WebhookRequest,
): Pick<Verification, 'notes'> | undefined {
  if (webhook.allow_from === undefined || sourceIp !== undefined) return undefined;
  return { notes: ['the address of the sender was not checked: add "source_ip" to the request'] };
}

function namedContexts(
  { routing }: WebhookDefinition,
  values: readonly string[] | undefined,
): Pick<Verification, 'contexts'> | undefined {
  return routing === undefined || values === undefined
    ? undefined
    : { contexts: { account_context: routing.account_context, values, secrets: routing.secrets } };
}

/** The engine's detail, and explanations of the checks that fail. */
function explanationOf(
  definition: WebhookDefinition,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
  reception: DecidedReception,
): Pick<Verification, 'detail' | 'signed' | 'times'> {
  const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
  if (verdict.kind !== 'rejected')
    return reception.kind === 'malformed' ? { detail: `expected ${reception.expected}` } : {};
  const { signed, times } = explainRejection(definition, request, secrets, nowMs);
  const detail = rejectionDetail(verdict);
  return {
    ...(detail === undefined ? {} : { detail }),
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
  const { signed = [], times = [], contexts, notes = [] } = verification;
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
    ...notes.map((note) => `note: ${note}`),
    ...(fault === undefined ? [] : [`mapping error: ${fault}`]),
    ...(outcome === 'verified' && fault === undefined && response.status < 300
      ? [count(events.length, 'event'), ...events.map((event) => JSON.stringify(event, undefined, 2))]
      : []),
    ...collapseRepeated(
      drift.map(({ event, resource, ...one }) => `drift: ${describeDataFault(resources, resource, event, one)}`),
    ),
  ];
}

function parseInstant(text: string): number {
  const [, date, offset] =
    /^(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)(Z|[+-]\d{2}:?\d{2})?$/i.exec(text) ?? [];
  const instantMs = date === undefined ? Number.NaN : Date.parse(date.includes('T') ? `${date}${offset ?? 'Z'}` : text);
  if (Number.isNaN(instantMs))
    throw new UnusableInput(`--now: got "${text}", expected an ISO 8601 time such as 2026-11-21T12:00:00Z.`);
  return instantMs;
}
