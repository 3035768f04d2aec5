import { createHmac } from 'node:crypto';
import type { Definition, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { parseTemplate, renderTemplate, type Template } from '../../lambdas/engine/definition/template.ts';
import { decodeBody } from '../../lambdas/engine/verification/decode-body.ts';
import type { WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';

/**
 * Sign a request as its provider would: the definition read backwards. Simulators, the command line
 * and the tests use it; the engine never does.
 *
 * @param secrets - One value for each secret name.
 * @throws {TypeError} when the definition's signature does not stand in a header of its own.
 */
export function signRequest(
  definition: Definition,
  request: WebhookRequest,
  secrets: Readonly<Record<string, string>>,
  nowMs: number,
): WebhookRequest {
  // A timestamp is part of what is signed, so it is set before.
  const steps = flatten(definition.webhook.verify).sort((a, b) => Number('hmac' in a) - Number('hmac' in b));
  return steps.reduce((signed, step) => {
    if ('freshness' in step) {
      const { timestamp, unit } = step.freshness;
      const value =
        unit === 'iso8601' ? new Date(nowMs).toISOString() : String(unit === 's' ? Math.floor(nowMs / 1000) : nowMs);
      return withHeader(signed, headerOf(timestamp), value);
    }
    if (!('hmac' in step)) return signed;
    const { algorithm, encoding, key, message, prefix = '', signature } = step.hmac;
    const mac = createHmac(algorithm, secrets[key] ?? '');
    for (const chunk of render(definition, message, signed)) mac.update(chunk);
    return withHeader(signed, headerOf(signature), prefix + mac.digest(encoding));
  }, request);
}

/** The checks that a provider has to satisfy: of alternatives, the first. */
function flatten(node: VerifySpec): VerifySpec[] {
  if ('all' in node) return node.all.flatMap(flatten);
  if ('any' in node) return node.any.slice(0, 1).flatMap(flatten);
  return [node];
}

function render(definition: Definition, text: string, request: WebhookRequest): readonly (string | Buffer)[] {
  const decoded = decodeBody(definition.webhook.decode, request);
  const rendered = renderTemplate(template(text), {
    ...request,
    query: new URLSearchParams(request.query),
    decoded: decoded.kind === 'decoded' ? decoded.value : undefined,
  });
  if (rendered.kind === 'missing') throw new TypeError(`the request has no ${rendered.source}, which is signed`);
  return rendered.chunks;
}

function headerOf(text: string): string {
  const [part, ...others] = template(text).parts;
  if (part === undefined || !('source' in part) || part.source.from !== 'header' || others.length > 0)
    throw new TypeError(`"${text}" is no header of its own`);
  return part.source.name;
}

function withHeader(request: WebhookRequest, name: string, value: string): WebhookRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

function template(text: string): Template {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') throw new TypeError(parsed.message);
  return parsed.template;
}
