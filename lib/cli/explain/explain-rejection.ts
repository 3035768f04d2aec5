import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import { secretChoices, secretsIn, valuesOf } from '../../../lambdas/engine/request/secret-values.ts';
import type { SecretValues, WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import {
  parseSource,
  parseTemplate,
  readSource,
  renderAll,
  renderTemplate,
  renderText,
  type TemplateInput,
} from '../../../lambdas/engine/template/template.ts';
import { authoringOf } from '../../../lambdas/engine/verification/check-authoring.ts';
import type { Check, SignedParts } from '../../../lambdas/engine/verification/check-kind.ts';
import { type ConditionSpec, checkIn, type VerifySpec } from '../../../lambdas/engine/verification/check-tree.ts';
import { parseTimestamp } from '../../../lambdas/engine/verification/checks/freshness.ts';
import { prepareCondition } from '../../../lambdas/engine/verification/prepare-checks.ts';
import type { Verdict } from '../../../lambdas/engine/verification/verdict.ts';
import { templateInput } from '../../definitions/checks-for-request.ts';
import { count } from '../command.ts';
import { closestVariants } from './signature-variants.ts';

/** A signature that does not match. Never reveals the valid signature. */
export interface ExplainedSignature {
  /** Path of the check: `webhook.verify.all.0.hmac`. */
  readonly check: string;
  readonly reason: string;
  readonly algorithm: string;
  readonly encoding: string;
  /** The message that the definition signs, with masked secrets; several if the definition allows several. */
  readonly messages: readonly { readonly text: string; readonly bytes: number }[];
  /** Number of tried keys, or of tried values of the secrets in the message. */
  readonly keys: number;
  readonly hints: readonly string[];
}

/** A time outside its bounds, or a text that is not a time. */
export interface ExplainedTime {
  readonly check: string;
  readonly reason: string;
  readonly given: string;
  readonly unit: string;
  /** Negative for a time in the future; absent if the text is not a time. */
  readonly age_seconds?: number;
  readonly hints: readonly string[];
}

export interface ExplainedRejection {
  readonly signed: readonly ExplainedSignature[];
  readonly times: readonly ExplainedTime[];
}

/** A check of the tree that applies to the request, with its input. */
interface AppliedCheck {
  readonly path: string;
  readonly spec: VerifySpec;
  readonly input: TemplateInput;
}

const explained = new Set(['signature-mismatch', 'signature-malformed', 'no-known-signature-version']);
/** Characters of a signed message that are shown. */
const shownCharacters = 300;
/** Minimum length of a masked secret: masking shorter ones would mask letters of words. */
const maskedCharacters = 6;

/** Explain why checks reject a request: the message that each signs, and a small change that would make it match. */
export function explainRejection(
  definition: WebhookDefinition,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
): ExplainedRejection {
  const applied = appliedChecks(definition, request);
  const judge = (spec: VerifySpec, input: TemplateInput, values = secrets): Verdict =>
    checkOf(definition, spec)(input, { secrets: values, keys: new Map(), nowMs });
  return {
    signed: applied.flatMap((one) => explainSignature(one, secrets, judge) ?? []),
    times: applied.flatMap((one) => explainTime(one, nowMs, judge) ?? []),
  };
}

/** Lines of text. */
export function formatExplanation({ signed, times }: ExplainedRejection): readonly string[] {
  return [
    ...signed.flatMap(({ check, reason, algorithm, encoding, messages, keys, hints }) => [
      `${check}: ${reason}: ${algorithm} in ${encoding}, ${count(keys, 'key')} tried`,
      ...messages.map(({ text, bytes }) => `  signed (${count(bytes, 'byte')}): ${text}`),
      ...hints.map((hint) => `  hint: ${hint}`),
    ]),
    ...times.flatMap(({ check, reason, given, unit, age_seconds: age, hints }) => [
      `${check}: ${reason}: got ${JSON.stringify(given)} in ${unit}${age === undefined ? '' : `, ${inWords(age)}`}`,
      ...hints.map((hint) => `  hint: ${hint}`),
    ]),
  ];
}

function checkOf({ name, webhook, routing }: WebhookDefinition, verify: VerifySpec): Check {
  return prepareWebhook({ name, webhook: { ...webhook, verify }, routing }, readXml).verify;
}

function appliedChecks(definition: WebhookDefinition, request: WebhookRequest): readonly AppliedCheck[] {
  const input = templateInput(definition, request);
  const { handshakes, verify } = definition.webhook;
  const holds = (when: ConditionSpec) => prepareCondition(when)(input);
  const index = handshakes.findIndex(({ when }) => [when].flat().some(holds));
  const own = handshakes[index]?.verify ?? 'same';
  if (own === 'none') return [];
  return own === 'same'
    ? applied(verify, 'webhook.verify', input)
    : applied(own, `webhook.handshakes.${index}.verify`, input);
}

function applied(node: VerifySpec, path: string, input: TemplateInput): readonly AppliedCheck[] {
  if (node.all !== undefined) return node.all.flatMap((one, index) => applied(one, `${path}.all.${index}`, input));
  if (node.any !== undefined) return node.any.flatMap((one, index) => applied(one, `${path}.any.${index}`, input));
  if (node.cases !== undefined) {
    const index = node.cases.findIndex(({ when }) => when === undefined || prepareCondition(when)(input));
    const found = node.cases[index];
    return found === undefined ? [] : applied(found.verify, `${path}.cases.${index}.verify`, input);
  }
  if (node.each === undefined) return [{ path, spec: node, input }];
  const { verify, items } = node.each;
  const source = parseSource(items);
  const list = source === undefined ? undefined : readSource(source, input);
  // The first item represents all, because all are signed in the same way.
  const [item] = Array.isArray(list) ? (list as unknown[]) : [];
  return item === undefined ? [] : applied(verify, `${path}.each.verify`, { ...input, item });
}

type Judge = (spec: VerifySpec, input: TemplateInput, secrets?: SecretValues) => Verdict;

function explainSignature(
  { path, spec, input }: AppliedCheck,
  secrets: SecretValues,
  judge: Judge,
): ExplainedSignature | undefined {
  const check = checkIn(spec);
  const signing = check === undefined ? undefined : authoringOf(check.name).signed?.(check.spec);
  if (check === undefined || signing === undefined) return undefined;
  const verdict = judge(spec, input);
  if (verdict.kind !== 'rejected' || !explained.has(verdict.reason)) return undefined;
  const templates = signing.messages;
  const messages = templates.flatMap((message) => shownMessage(message, input, secrets) ?? []);
  const near = closestVariants(
    { check, input, secrets },
    (one, read, values) => judge({ [one.name]: one.spec }, read, values).kind === 'verified',
  );
  const form = formHints(signing, input);
  const literal = templates.some((text) => text.includes('\\n'))
    ? ['the message holds a backslash and an n, not a line break: write it in double quotes, as "\\n"']
    : [];
  const isEmptyHanded = near.length + form.length + literal.length === 0;
  return {
    check: `${path}.${check.name}`,
    reason: verdict.reason,
    algorithm: signing.algorithm,
    encoding: signing.encoding,
    messages,
    keys: keysTried(signing, secrets),
    hints: [
      ...near.map((change) => `would match with ${change}`),
      ...(near.length > 0 ? [] : [...form, ...literal]),
      ...(isEmptyHanded && verdict.reason === 'signature-mismatch'
        ? [
            'no other reading of the key, the signature, the message or the line breaks of the body matches: the secret is wrong, the body has changed, or the provider signs another message',
          ]
        : []),
    ],
  };
}

function keysTried({ key, messages }: SignedParts, secrets: SecretValues): number {
  if (key !== undefined) return valuesOf(secrets, key).length;
  return secretChoices(secretsIn(messages.flatMap((text) => templateOf(text) ?? [])), secrets).length;
}

/** The message as JSON text, so that line breaks and spaces show, with masked secrets. */
function shownMessage(
  message: string,
  input: TemplateInput,
  secrets: SecretValues,
): { readonly text: string; readonly bytes: number } | undefined {
  const template = templateOf(message);
  if (template === undefined) return undefined;
  const [values = {}] = secretChoices(secretsIn([template]), secrets);
  let text = '';
  let bytes = 0;
  for (const part of template.parts) {
    const rendered = renderTemplate({ parts: [part] }, { ...input, secrets: values });
    if (rendered.kind === 'missing') return undefined;
    const content = Buffer.concat(rendered.chunks.map((chunk) => Buffer.from(chunk as Buffer)));
    bytes += content.length;
    const [secret] = secretsIn([{ parts: [part] }]);
    text += secret === undefined ? content.toString('utf8') : `<secret.${secret}>`;
  }
  for (const name of Object.keys(secrets))
    for (const value of valuesOf(secrets, name))
      if (value.length >= maskedCharacters) text = text.replaceAll(value, `<secret.${name}>`);
  const shown = text.slice(0, shownCharacters).toWellFormed();
  return { text: `${JSON.stringify(shown)}${text.length > shownCharacters ? '…' : ''}`, bytes };
}

const digestNames: Readonly<Record<number, string>> = { 20: 'sha1', 32: 'sha256', 64: 'sha512' };

/** Hints about the form of the signature, if it differs from the definition. */
function formHints(spec: SignedParts, input: TemplateInput): readonly string[] {
  const template = templateOf(spec.signature);
  const texts = (template === undefined ? [] : renderAll(template, input)).flatMap((text) =>
    spec.split === undefined ? [text] : text.split(spec.split),
  );
  const { prefix = '' } = spec;
  const candidates = texts.map((text) => text.trim()).filter((text) => text.startsWith(prefix));
  if (candidates.length === 0) {
    const begun = [...new Set(texts.flatMap((text) => /^\s*([\w-]{1,16}[=,:])/.exec(text)?.[1] ?? []))];
    return [
      `no part of it begins with ${JSON.stringify(prefix)}${begun.length === 0 ? '' : `; they begin with ${begun.map((text) => JSON.stringify(text)).join(', ')}`}`,
    ];
  }
  const hints = candidates.slice(0, 3).flatMap((candidate) => {
    const text = candidate.slice(prefix.length);
    const begun = /^([A-Za-z][\w-]{0,15}[=,:])./.exec(text)?.[1];
    if (begun !== undefined && !/^[A-Za-z0-9+/_-]+=$/.test(text))
      return [`the signature begins with ${JSON.stringify(begun)}: declare it as its prefix`];
    const form = formOf(text);
    if (form === undefined) return [`the signature (${count(text.length, 'character')}) is neither hex nor base64`];
    const name = digestNames[form.bytes];
    const isDeclared =
      form.encodings.includes(spec.encoding) && (name === spec.algorithm || !(spec.algorithm in byName));
    return isDeclared
      ? []
      : [
          `the signature is written as ${form.encodings.join(' or ')} of ${form.bytes} bytes${name === undefined ? '' : `, as ${name} has`}`,
        ];
  });
  return [...new Set(hints)];
}

const byName: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

function formOf(text: string): { readonly encodings: readonly string[]; readonly bytes: number } | undefined {
  if (/^([0-9a-f]{2})+$/i.test(text) && text.length / 2 in digestNames)
    return { encodings: ['hex'], bytes: text.length / 2 };
  const bare = text.replace(/=+$/, '');
  if (!/^[\w+/-]+$/.test(bare)) return undefined;
  const bytes = Math.floor((bare.length * 3) / 4);
  if (/[-_]/.test(bare)) return /[+/]/.test(bare) ? undefined : { encodings: ['base64url'], bytes };
  return { encodings: /[+/]/.test(bare) ? ['base64'] : ['base64', 'base64url'], bytes };
}

function explainTime({ path, spec, input }: AppliedCheck, nowMs: number, judge: Judge): ExplainedTime | undefined {
  const check = checkIn(spec);
  const time = check === undefined ? undefined : authoringOf(check.name).time?.(check.spec);
  const template = time === undefined ? undefined : templateOf(time.timestamp);
  const verdict = time === undefined ? undefined : judge(spec, input);
  if (check === undefined || time === undefined || template === undefined || verdict?.kind !== 'rejected')
    return undefined;
  const given = renderText(template, input);
  if (given === undefined) return undefined;
  const atMs = parseTimestamp(given, time.unit);
  const unit = unitOf(given, nowMs);
  const isOtherUnit = unit !== undefined && unit !== time.unit;
  const trueMs = unit === undefined ? undefined : parseTimestamp(given, unit);
  return {
    check: `${path}.${check.name}`,
    reason: verdict.reason,
    given: given.slice(0, 80),
    unit: time.unit,
    ...(atMs === undefined ? {} : { age_seconds: Math.round((nowMs - atMs) / 1000) }),
    hints: [
      ...(isOtherUnit ? [`it looks like ${unit}, but the declared unit is ${time.unit}`] : []),
      ...(trueMs !== undefined && verdict.reason !== 'timestamp-malformed'
        ? [
            `to verify a captured request at the time of its capture, pass --now ${new Date(trueMs).toISOString().replace('.000Z', 'Z')}`,
          ]
        : []),
    ],
  };
}

/** The unit in which a text is a time within ten years of now; undefined if there is none. */
function unitOf(text: string, nowMs: number): 's' | 'ms' | 'iso8601' | undefined {
  const tenYearsMs = 10 * 365 * 86_400_000;
  return (['s', 'ms', 'iso8601'] as const).find((unit) => {
    const atMs = parseTimestamp(text, unit);
    return atMs !== undefined && Math.abs(atMs - nowMs) < tenYearsMs;
  });
}

function inWords(ageSeconds: number): string {
  return ageSeconds < 0 ? `${-ageSeconds} s ahead` : `${ageSeconds} s old`;
}

function templateOf(text: string) {
  const parsed = parseTemplate(text);
  return parsed.kind === 'template' ? parsed.template : undefined;
}
