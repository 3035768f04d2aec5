import type { Definition, HandshakeSpec, VerifySpec } from '../definition/schema.ts';
import {
  parseSource,
  parseTemplate,
  readSource,
  type Source,
  type Template,
  type TemplateInput,
} from '../definition/template.ts';
import { verifyFreshness } from './verify-freshness.ts';
import { verifyHmac } from './verify-hmac.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

/** A check of the verify tree, with everything that does not depend on the request done once. */
export type Check = (input: TemplateInput, secrets: SecretValues, nowMs: number) => Verdict;

export interface PreparedHandshake {
  readonly spec: HandshakeSpec;
  readonly matches: (input: TemplateInput) => boolean;
  readonly body: Template | undefined;
}

/** A definition's webhook section, ready to be run against requests. */
export interface PreparedWebhook {
  readonly name: string;
  readonly decode: Definition['webhook']['decode'];
  readonly verify: Check;
  readonly handshakes: readonly PreparedHandshake[];
  readonly deliveryId: Template | undefined;
}

/** Do, once per definition, all work that needs no request. */
export function prepareWebhook(definition: Pick<Definition, 'name' | 'webhook'>): PreparedWebhook {
  const { webhook } = definition;
  return {
    name: definition.name,
    decode: webhook.decode,
    verify: prepareCheck(webhook.verify),
    handshakes: webhook.handshakes.map(prepareHandshake),
    deliveryId: webhook.delivery_id === undefined ? undefined : template(webhook.delivery_id),
  };
}

function prepareCheck(node: VerifySpec): Check {
  if ('hmac' in node) {
    const check = { spec: node.hmac, message: template(node.hmac.message), signature: template(node.hmac.signature) };
    return (input, secrets) => verifyHmac(check, input, secrets);
  }
  if ('freshness' in node) {
    const check = { spec: node.freshness, timestamp: template(node.freshness.timestamp) };
    return (input, _secrets, nowMs) => verifyFreshness(check, input, nowMs);
  }
  if ('all' in node) {
    const checks = node.all.map(prepareCheck);
    return (input, secrets, nowMs) => {
      for (const check of checks) {
        const verdict = check(input, secrets, nowMs);
        if (verdict.kind === 'rejected') return verdict;
      }
      return { kind: 'verified' };
    };
  }
  const checks = node.any.map(prepareCheck);
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

function prepareHandshake(spec: HandshakeSpec): PreparedHandshake {
  const conditions = (Array.isArray(spec.when) ? spec.when : [spec.when]).map((condition) =>
    Object.entries(condition).map(([name, expected]) => ({
      source: source(name),
      expected: (Array.isArray(expected) ? expected : [expected]).map(String),
    })),
  );
  return {
    spec,
    body: spec.respond.body === undefined ? undefined : template(spec.respond.body),
    matches: (input) =>
      conditions.some((condition) =>
        condition.every(({ source: from, expected }) => {
          const value = readScalar(from, input);
          return value !== undefined && expected.includes(value);
        }),
      ),
  };
}

function readScalar(from: Source, input: TemplateInput): string | undefined {
  const value = readSource(from, input);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
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
