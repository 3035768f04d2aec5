import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Definition, HandshakeSpec, VerifySpec } from '../../lambdas/engine/definition/schema.ts';
import { parseSource, parseTemplate } from '../../lambdas/engine/definition/template.ts';
import type { CanonicalEvent } from '../../lambdas/engine/mapping/canonical-event.ts';
import { mapRequest, prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { decodeBody } from '../../lambdas/engine/verification/decode-body.ts';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import { deliveryIdOf, receiveWebhook } from '../../lambdas/engine/verification/receive-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';
import { compileIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';

/** Every integration of the folder, judged by its definition alone: nothing here knows a provider. */
const root = new URL('../../integrations/', import.meta.url);
const nowMs = Date.parse('2026-11-22T12:00:00.000Z');

describe.each([...compileIntegrations(root)].map(([name, definition]) => ({ name, definition })))(
  '$name',
  ({ name, definition }) => {
    const webhook = prepareWebhook(definition);
    const mapping = prepareMapping(definition.mapping);
    const samples = readSamples(root, name);
    const secrets = secretsOf(definition, 'right');
    const sign = (request: WebhookRequest, atMs = nowMs, values = secrets) =>
      signRequest(definition, request, values, atMs);
    const receive = (request: WebhookRequest, values: SecretValues = secrets) =>
      receiveWebhook(webhook, request, values, nowMs);

    /** A request is turned away for a stated reason, and the answer does not help to forge the next. */
    function expectRejection(request: WebhookRequest, valid: WebhookRequest, values: SecretValues = secrets) {
      const reception = receive(request, values);
      const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
      expect(verdict).toMatchObject({ kind: 'rejected', reason: expect.stringMatching(/^[a-z-]+$/) });
      for (const { header, prefix } of signaturesOf(definition))
        expect(JSON.stringify(reception)).not.toContain((valid.headers[header] ?? '').slice(prefix.length));
      return verdict;
    }

    async function map(request: WebhookRequest, account = 'acc_1', receivedAt = '2026-11-22T12:00:00.000Z') {
      const decoded = decodeBody(definition.webhook.decode, request);
      if (decoded.kind === 'malformed') throw new Error(`expected ${decoded.expected}`);
      const { headers, query, method, path, body: rawBody } = request;
      const result = await mapRequest(
        mapping,
        { body: decoded.value, headers, query: Object.fromEntries(new URLSearchParams(query)), method, path },
        {
          tenant: 'acme',
          account,
          integration: name,
          receivedAt,
          deliveryId: deliveryIdOf(webhook, request, decoded.value),
          rawBody,
        },
      );
      if (result.kind === 'failed') throw new Error(result.reason);
      return result.events;
    }

    test('has samples, some of which give events, and an expected file for each', () => {
      const folder = new URL(`${name}/expected/`, root);
      expect(samples.length).toBeGreaterThan(0);
      expect(samples.some((sample) => readExpected(name, sample.name).length > 0)).toBe(true);
      expect(existsSync(folder) ? readdirSync(folder).sort() : []).toEqual(
        samples.map(({ name }) => `${name}.json`).sort(),
      );
    });

    describe.each(samples)('sample $name', (sample) => {
      const { request } = sample;
      const signed = sign(request);

      test('is verified when it is signed', () => {
        expect(receive(signed)).toEqual({ kind: 'verified' });
      });

      test('is verified while a secret rotates, by the new one and by the old one', () => {
        const rotated = secretsOf(definition, 'rotated');
        const both = Object.fromEntries(
          Object.keys(secrets).map((key) => [key, [rotated[key] ?? '', secrets[key] ?? '']]),
        );
        expect(receive(signed, both)).toEqual({ kind: 'verified' });
        expect(receive(sign(request, nowMs, rotated), both)).toEqual({ kind: 'verified' });
      });

      test('fails when its body is changed', () => {
        const withBody = (body: Buffer): WebhookRequest => ({ ...signed, body });
        expectRejection(withBody(Buffer.concat([signed.body, Buffer.from(' ')])), signed);
        expectRejection(withBody(signed.body.subarray(0, -1)), signed);
        expectRejection(withBody(flipBit(signed.body, (signed.body.length >> 1) * 8)), signed);
      });

      test('fails when any bit of its signature is changed', () => {
        for (const { header, prefix, encoding } of signaturesOf(definition)) {
          const signature = Buffer.from((signed.headers[header] ?? '').slice(prefix.length), encoding);
          expect(signature.length).toBeGreaterThanOrEqual(20);
          for (let bit = 0; bit < signature.length * 8; bit += 1)
            expectRejection(withHeader(signed, header, prefix + flipBit(signature, bit).toString(encoding)), signed);
        }
      });

      test('fails when its signature is empty, cut off, doubled or no signature at all', () => {
        for (const { header, prefix, encoding } of signaturesOf(definition)) {
          const written = (signed.headers[header] ?? '').slice(prefix.length);
          const longer = Buffer.concat([Buffer.from(written, encoding), Buffer.alloc(1)]).toString(encoding);
          for (const text of [
            '',
            prefix,
            prefix + written.slice(0, -4),
            prefix + longer,
            prefix + written + written,
            'äöü=é',
          ])
            expectRejection(withHeader(signed, header, text), signed);
          if (prefix !== '') expectRejection(withHeader(signed, header, written), signed);
        }
      });

      test('fails when the secret is another, empty or missing', () => {
        expectRejection(signed, signed, secretsOf(definition, 'wrong'));
        expectRejection(signed, signed, Object.fromEntries(Object.keys(secrets).map((key) => [key, ''])));
        expectRejection(signed, signed, Object.fromEntries(Object.keys(secrets).map((key) => [key, []])));
        expect(expectRejection(signed, signed, {})).toMatchObject({ reason: 'secret-not-configured' });
      });

      test('fails when a header that signs it is missing', () => {
        const added = Object.keys(signed.headers).filter((header) => request.headers[header] === undefined);
        expect(added.length).toBeGreaterThan(0);
        for (const header of added) {
          const { [header]: _, ...headers } = signed.headers;
          expect(expectRejection({ ...signed, headers }, signed)).toMatchObject({ reason: 'header-missing' });
        }
      });

      test('gives the expected events', async () => {
        const events = await map(signed);
        expect(events.map(comparable)).toEqual(readExpected(name, sample.name));
      });

      test('gives the same ids whenever it comes, and other ids for another account or another delivery', async () => {
        const ids = async (...call: Parameters<typeof map>) => (await map(...call)).map(({ id }) => id);
        const first = await ids(signed);
        expect(await ids(sign(request, nowMs + 1000), 'acc_1', '2026-11-22T12:34:56.000Z')).toEqual(first);
        const others = [...(await ids(signed, 'acc_2')), ...(await ids(anotherDelivery(definition, request)))];
        expect(new Set([...first, ...others]).size).toBe(3 * first.length);
      });

      const freshness = freshnessOf(definition);
      if (freshness === undefined) return;
      test('fails when its timestamp is stale or in the future', () => {
        const { max_age_seconds: ageSeconds, max_ahead_seconds: aheadSeconds } = freshness;
        const at = (offsetSeconds: number) => sign(request, nowMs + offsetSeconds * 1000);
        expect(receive(at(-ageSeconds))).toEqual({ kind: 'verified' });
        expect(receive(at(aheadSeconds))).toEqual({ kind: 'verified' });
        expect(expectRejection(at(-ageSeconds - 1), signed)).toMatchObject({ reason: 'timestamp-too-old' });
        expect(expectRejection(at(aheadSeconds + 1), signed)).toMatchObject({ reason: 'timestamp-in-the-future' });
      });
    });

    const handshakes = definition.webhook.handshakes.flatMap((spec) =>
      (Array.isArray(spec.when) ? spec.when : [spec.when]).map((condition, index) => ({
        title: `${spec.name} ${index + 1}`,
        spec,
        request: handshakeRequest(definition, spec, condition),
      })),
    );
    describe.each(handshakes)('handshake $title', ({ spec, request }) => {
      const response = {
        status: spec.respond.status,
        body: (spec.respond.body ?? '').replace(/\{[^}]+\}/g, challenge),
      };

      const answered = { kind: 'handshake', name: spec.name, response };

      test('is answered when it is signed', () => {
        const reception = receive(sign(request));
        expect(reception).toMatchObject(answered);
        expect(JSON.stringify(reception)).not.toContain(secrets['signing_secret'] ?? 'no such secret');
      });

      test('is answered without a signature and without a secret only where the definition says so', () => {
        const open = spec.verify === 'none';
        expect(receive(request)).toMatchObject(open ? answered : { kind: 'rejected' });
        expect(receive(request, {})).toMatchObject(open ? answered : { reason: 'secret-not-configured' });
      });
    });
  },
);

type Freshness = Extract<VerifySpec, { freshness: unknown }>['freshness'];

const challenge = 'c0ffee-challenge-of-this-test';

function secretsOf(definition: Definition, label: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(definition.secrets).map((name) => [name, `${label}-${name}-0123456789abcdef`]));
}

/** The checks that signRequest satisfies: of alternatives, the first. */
function checksOf(node: VerifySpec): readonly VerifySpec[] {
  if ('all' in node) return node.all.flatMap(checksOf);
  if ('any' in node) return node.any.slice(0, 1).flatMap(checksOf);
  return [node];
}

function freshnessOf(definition: Definition): Freshness | undefined {
  return checksOf(definition.webhook.verify).find((check) => 'freshness' in check)?.freshness;
}

function signaturesOf({ webhook }: Definition) {
  return checksOf(webhook.verify)
    .filter((check) => 'hmac' in check)
    .map(({ hmac }) => ({ header: headerName(hmac.signature), prefix: hmac.prefix ?? '', encoding: hmac.encoding }));
}

function headerName(template: string): string {
  const source = parseSource(template.slice(1, -1));
  if (source?.from !== 'header') throw new Error(`${template} is no header of its own`);
  return source.name;
}

function withHeader(request: WebhookRequest, name: string, value: string): WebhookRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}

/** The same request under another name of its delivery; where that is the body's digest, another body of the same meaning. */
function anotherDelivery(definition: Definition, request: WebhookRequest): WebhookRequest {
  const template = definition.webhook.delivery_id;
  if (template === undefined) return { ...request, body: Buffer.concat([request.body, Buffer.from('\n')]) };
  return withSource(request, template.slice(1, -1), 'another-delivery');
}

/** The request that a handshake's condition and answer speak of. */
function handshakeRequest(
  definition: Definition,
  { respond }: HandshakeSpec,
  condition: Readonly<Record<string, unknown>>,
): WebhookRequest {
  const empty: WebhookRequest = {
    method: 'POST',
    path: '/',
    query: '',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
  };
  const parsed = parseTemplate(respond.body ?? '');
  if (parsed.kind === 'fault') throw new Error(`${definition.name}: ${parsed.message}`);
  const reflected = parsed.template.parts.flatMap((part) =>
    'source' in part ? [[part.text, challenge] as const] : [],
  );
  const given = Object.entries(condition).map(
    ([source, value]) => [source, Array.isArray(value) ? value[0] : value] as const,
  );
  return [...reflected, ...given].reduce((request, [source, value]) => withSource(request, source, value), empty);
}

function withSource(request: WebhookRequest, name: string, value: unknown): WebhookRequest {
  const source = parseSource(name);
  switch (source?.from) {
    case 'header':
      return withHeader(request, source.name, String(value));
    case 'query':
      return {
        ...request,
        query: `${request.query}&${new URLSearchParams({ [source.name]: String(value) }).toString()}`,
      };
    case 'method':
      return { ...request, method: String(value) };
    case 'json': {
      const body = JSON.parse(request.body.toString()) as unknown;
      return { ...request, body: Buffer.from(JSON.stringify(withPath(body, source.path, value))) };
    }
    default:
      throw new Error(`a request cannot be made to have ${name}`);
  }
}

function withPath(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const members = typeof target === 'object' && target !== null ? (target as Record<string, unknown>) : {};
  return { ...members, [key]: withPath(members[key], rest, value) };
}

/** The members of an event that depend neither on the account nor on the clock, as JSON writes them. */
function comparable(event: Omit<CanonicalEvent, 'sequence'>): unknown {
  const { type, resource, record_id, raw_event_type, occurred_at, thin, data } = event;
  return JSON.parse(JSON.stringify({ type, resource, record_id, raw_event_type, occurred_at, thin, data }));
}

function readExpected(integration: string, sample: string): readonly unknown[] {
  return JSON.parse(readFileSync(new URL(`${integration}/expected/${sample}.json`, root), 'utf8')) as unknown[];
}
