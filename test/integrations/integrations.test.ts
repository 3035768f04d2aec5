import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import type { HandshakeSpec } from '../../lambdas/engine/definition/webhook-schema.ts';
import type { CanonicalEvent } from '../../lambdas/engine/event/canonical-event.ts';
import { checkResource, prepareResources } from '../../lambdas/engine/mapping/check-resource.ts';
import { decryptItems } from '../../lambdas/engine/mapping/decrypt-items.ts';
import { mapRequest, prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { deliveryIdOf, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { decodeBody } from '../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { parseSource } from '../../lambdas/engine/template/template.ts';
import type { VerifySpec } from '../../lambdas/engine/verification/check-tree.ts';
import { prepareCondition } from '../../lambdas/engine/verification/prepare-checks.ts';
import { templateInput } from '../../lib/definitions/checks-for-request.ts';
import { compileIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { compileResources } from '../../lib/definitions/compile-resources.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { signingKeysOf } from './signing-keys.ts';
import { checksOf, coversBody, headersOf, isSameProof, placeholders } from './what-is-signed.ts';

/** Every integration of the folder, judged by its definition alone: nothing here knows a provider. */
const root = new URL('../../integrations/', import.meta.url);
const resources = prepareResources(compileResources(root), { everyFault: true });
const nowMs = Date.parse('2026-11-22T12:00:00.000Z');

describe.each([...compileIntegrations(root)].map(([name, definition]) => ({ name, definition })))(
  '$name',
  ({ name, definition }) => {
    const webhook = prepareWebhook(definition, readXml);
    const mapping = prepareMapping(definition.mapping, resources);
    const samples = readSamples(root, name);
    const keys = signingKeysOf(definition, 'right');
    const wrongKeys = signingKeysOf(definition, 'wrong');
    const rotatedKeys = signingKeysOf(definition, 'newer');
    const sign = (request: WebhookRequest, atMs = nowMs, values = keys) =>
      signRequest(definition, request, values, atMs);
    const receive = (request: WebhookRequest, values: SecretValues = keys.secrets) =>
      receiveWebhook(webhook, request, values, nowMs);

    /** A request is turned away for a stated reason, and the answer does not help to forge the next. */
    function expectRejection(
      request: WebhookRequest,
      valid: WebhookRequest,
      { values = keys.secrets, change }: { readonly values?: SecretValues; readonly change?: string } = {},
    ) {
      const reception = receive(request, values);
      const verdict = reception.kind === 'malformed' ? reception.verdict : reception;
      expect(verdict, change).toMatchObject({ kind: 'rejected', reason: expect.stringMatching(/^[a-z-]+$/) });
      const told = JSON.stringify(reception);
      for (const header of proofHeaders(request, valid)) expect(told, change).not.toContain(valid.headers[header]);
      return verdict;
    }

    async function map(request: WebhookRequest, account = 'acc_1', receivedAt = '2026-11-22T12:00:00.000Z') {
      const decoded = decodeBody(definition.webhook.decode, request, readXml);
      if (decoded.kind === 'malformed') throw new Error(`expected ${decoded.expected}`);
      const { decrypt } = webhook;
      const decrypted =
        decrypt === undefined
          ? { kind: 'decrypted' as const, body: decoded.value }
          : decryptItems(decrypt, decoded.value, keys.secrets);
      if (decrypted.kind === 'failed') throw new Error(decrypted.reason);
      const { headers, query, method, path, body: rawBody } = request;
      const result = await mapRequest(
        mapping,
        { body: decrypted.body, headers, query: Object.fromEntries(new URLSearchParams(query)), method, path },
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
      const checks = checksOf(definition, request);
      const otherwise = sign(request, nowMs, wrongKeys);
      // Of several signatures any is enough: one of a family of headers decides only if it is the right one.
      const signatures = checks.flatMap(({ hmac }) => placeholders(hmac?.signature ?? ''));
      const isFamily = signatures.some(({ source }) => source.from === 'headers');
      const isList = checks.some((check) => (check.hmac ?? check.digest ?? check.public_key)?.split !== undefined);
      const proofs = proofHeaders(signed, otherwise);
      const deciding = headersOf(definition, checks, signed).filter((name) => !isFamily || proofs.includes(name));
      const provingBytes = differingBytes(signed.body, otherwise.body);
      const accepted = {
        kind: definition.webhook.handshakes.some((spec) => isFor(definition, spec, request)) ? 'handshake' : 'verified',
      };

      test('is verified when it is signed', () => {
        expect(receive(signed)).toMatchObject(accepted);
      });

      test('is verified while a secret rotates, by the new one and by the old one', () => {
        const both = Object.fromEntries(
          Object.keys(keys.secrets).map((key) => [key, [rotatedKeys.secrets[key] ?? '', keys.secrets[key] ?? '']]),
        );
        expect(receive(signed, both)).toMatchObject(accepted);
        expect(receive(sign(request, nowMs, rotatedKeys), both)).toMatchObject(accepted);
      });

      test.for(deciding)('fails when any bit of %s, which signs it or is signed, is changed', (header) => {
        const before = signed.headers[header] ?? '';
        for (let bit = 0; bit < before.length * 8; bit += before.length > 200 ? 7 : 1) {
          const after = flipBit(Buffer.from(before, 'latin1'), bit).toString('latin1');
          if (!isSameProof(checks, before, after))
            expectRejection(withHeader(signed, header, after), signed, { change: `${header}, ${placeOf(bit)}` });
        }
      });

      test.for(proofs)(
        'fails when %s, which proves it, is empty, cut off, longer, doubled, something else or missing',
        (header) => {
          const proof = signed.headers[header] ?? '';
          const doubled = isList ? [] : [proof + proof];
          for (const text of ['', ' ', proof.slice(0, -5), `${proof}A`, `${proof.slice(0, -1)}!`, ...doubled, 'äöü=é'])
            expectRejection(withHeader(signed, header, text), signed, {
              change: `${header}: ${JSON.stringify(text)}`,
            });
          const { [header]: _, ...headers } = signed.headers;
          expect(expectRejection({ ...signed, headers }, signed, { change: `without ${header}` })).toMatchObject({
            reason: expect.stringMatching(
              isFamily
                ? /^(header-missing|signature-mismatch)$/
                : /^(header-missing|value-missing|no-known-signature-version)$/,
            ),
          });
        },
      );

      test.for(provingBytes.length > 0 ? [provingBytes] : [])(
        'fails when any bit of what proves it in its body is changed',
        (places) => {
          for (const at of places)
            for (let bit = at * 8; bit < at * 8 + 8; bit += 1) {
              const body = flipBit(signed.body, bit);
              const [before, after] = [signed.body, body].map((bytes) => bytes.toString('latin1')) as [string, string];
              if (before.toLowerCase() !== after.toLowerCase())
                expectRejection({ ...signed, body }, signed, { change: `body, ${placeOf(bit)}` });
            }
        },
      );

      test('is proven by a header, by its URL or within its body', () => {
        const inUrl = signed.url === otherwise.url ? 0 : 1;
        expect(proofs.length + inUrl + provingBytes.length).toBeGreaterThan(0);
      });

      test('fails when the secret is another, empty or missing', () => {
        const secrets = Object.keys(keys.secrets);
        expectRejection(signed, signed, { values: wrongKeys.secrets });
        expectRejection(signed, signed, { values: Object.fromEntries(secrets.map((key) => [key, ''])) });
        expectRejection(signed, signed, { values: Object.fromEntries(secrets.map((key) => [key, []])) });
        expect(expectRejection(signed, signed, { values: {} })).toMatchObject({ reason: 'secret-not-configured' });
      });

      test.for(coversBody(checks) ? [signed.body] : [])('fails when its body is changed', (before) => {
        const expectBodyRejection = (body: Buffer, change: string) =>
          expectRejection({ ...signed, body }, signed, { change });
        expectBodyRejection(Buffer.concat([before, Buffer.from('x')]), 'body, one byte longer');
        expectBodyRejection(before.subarray(0, -1), 'body, one byte shorter');
        expectBodyRejection(Buffer.alloc(0), 'body, empty');
        fc.assert(
          fc.property(fc.nat({ max: before.length * 8 - 1 }), (bit) => {
            const body = flipBit(before, bit);
            if (!isSameForm(signed, body)) expectBodyRejection(body, `body, ${placeOf(bit)}`);
          }),
        );
      });

      test('gives the expected events', async () => {
        const events = await map(signed);
        expect(events.map(comparable)).toEqual(readExpected(name, sample.name));
      });

      test('gives data of the shape that its resource has, and names the version of its schema', async () => {
        for (const { resource, data, schema_version: version } of await map(signed)) {
          // A resource of the deployer's own may be without a schema.
          expect(checkResource(resources, resource, data) ?? [], resource).toEqual([]);
          expect(version).toBe(resources.schemas.get(resource)?.version ?? '0.0.0');
        }
      });

      test('gives the same ids whenever it comes again, and other ids for another account', async () => {
        const ids = async (...call: Parameters<typeof map>) => (await map(...call)).map(({ id }) => id);
        const first = await ids(signed);
        expect(await ids(signed, 'acc_1', '2026-11-22T12:34:56.000Z')).toEqual(first);
        expect(new Set([...first, ...(await ids(signed, 'acc_2'))]).size).toBe(2 * first.length);
      });

      test.for(windowsOf(checks))(
        'fails when its timestamp is stale or in the future',
        ({ ageSeconds, aheadSeconds }) => {
          const at = (offsetSeconds: number) => sign(request, nowMs + offsetSeconds * 1000);
          expect(receive(at(-ageSeconds))).toMatchObject(accepted);
          expect(receive(at(aheadSeconds))).toMatchObject(accepted);
          expect(expectRejection(at(-ageSeconds - 1), signed)).toMatchObject({ reason: 'timestamp-too-old' });
          expect(expectRejection(at(aheadSeconds + 1), signed)).toMatchObject({ reason: 'timestamp-in-the-future' });
        },
      );
    });

    const handshakes = definition.webhook.handshakes.flatMap((spec) =>
      (Array.isArray(spec.when) ? spec.when : [spec.when]).map((condition, index) => ({
        title: `${spec.name} ${index + 1}`,
        spec,
        // A sample, where the handshake has more than what its condition and its answer speak of.
        request:
          samples.map((sample) => sample.request).find((request) => isFor(definition, spec, request)) ??
          handshakeRequest(spec, condition, keys.secrets),
      })),
    );
    describe.each(handshakes)('handshake $title', ({ spec, request }) => {
      const { status, body, json, headers } = spec.respond;
      const answered = { kind: 'handshake', name: spec.name, response: { status } };
      const isOpen = spec.verify === 'none';

      test('is answered when it is signed, with what it asks to have back and no secret', () => {
        const reception = receive(isOpen ? request : sign(request));
        expect(reception).toMatchObject(answered);
        const told = JSON.stringify(reception);
        const reflects = [body ?? '', ...Object.values(json ?? {}), ...Object.values(headers)].some((text) =>
          placeholders(text).some(({ transforms }) => transforms.length === 0),
        );
        expect(reflects ? told : challenge).toContain(challenge);
        for (const secret of Object.values(keys.secrets)) expect(told).not.toContain(secret);
      });

      test('is answered without a signature and without a secret only where the definition says so', () => {
        expect(receive(request)).toMatchObject(isOpen ? answered : { kind: 'rejected' });
        const needsSecret = !isOpen || spec.token !== undefined || namesSecret(spec);
        expect(receive(request, {})).toMatchObject(needsSecret ? { kind: 'rejected' } : answered);
      });
    });
  },
);

/** Whether a request is this handshake's. */
function isFor(definition: Definition, { when }: HandshakeSpec, request: WebhookRequest): boolean {
  const input = templateInput(definition, request);
  return [when].flat().some((condition) => prepareCondition(condition)(input));
}

const challenge = 'c0ffee-challenge-of-this-test';

/** How far a request's time may be from now: one window where its checks bound it, otherwise none. */
function windowsOf(checks: readonly VerifySpec[]) {
  const freshness = checks.find((check) => check.freshness !== undefined)?.freshness;
  if (freshness !== undefined)
    return [{ ageSeconds: freshness.max_age_seconds, aheadSeconds: freshness.max_ahead_seconds }];
  const ageSeconds = checks.find(({ jwt }) => jwt?.max_age_seconds !== undefined)?.jwt?.max_age_seconds;
  return ageSeconds === undefined ? [] : [{ ageSeconds, aheadSeconds: 60 }];
}

/** Headers whose value depends on the secret. */
function proofHeaders(one: WebhookRequest, other: WebhookRequest): readonly string[] {
  return Object.keys(one.headers).filter((name) => one.headers[name] !== other.headers[name]);
}

/** Places in the body that depend on the secret; the bodies are of one length, as the secrets are. */
function differingBytes(one: Buffer, other: Buffer): readonly number[] {
  assert.equal(one.length, other.length);
  return [...one.keys()].filter((at) => one[at] !== other[at]);
}

/** A form is signed as what it says, which can be written in several ways: %2F is %2f. */
function isSameForm({ headers, body }: WebhookRequest, changed: Buffer): boolean {
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return false;
  const [one, two] = [body, changed].map((bytes) => [...new URLSearchParams(bytes.toString('utf8'))]);
  return JSON.stringify(one) === JSON.stringify(two);
}

function namesSecret({ respond }: HandshakeSpec): boolean {
  return [respond.body ?? '', ...Object.values(respond.json ?? {}), ...Object.values(respond.headers)].some((text) =>
    placeholders(text).some(
      ({ source, transforms }) => source.from === 'secret' || transforms.some(({ secret }) => secret !== undefined),
    ),
  );
}

function withHeader(request: WebhookRequest, name: string, value: string): WebhookRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

/** Names a bit as a failure shows it: bit 0 is the lowest of its byte. */
function placeOf(bit: number): string {
  return `byte ${bit >> 3}, bit ${bit & 7}`;
}

function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}

/** The request that a handshake's condition, token and answer speak of. */
function handshakeRequest(
  { respond, token }: HandshakeSpec,
  condition: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, string>>,
): WebhookRequest {
  const empty: WebhookRequest = {
    method: 'POST',
    url: 'https://hooks.example.com/in/acme',
    path: '/',
    query: '',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
  };
  const templates = [respond.body ?? '', ...Object.values(respond.json ?? {}), ...Object.values(respond.headers)];
  const reflected = templates
    .flatMap(placeholders)
    .filter(({ source }) => source.from !== 'secret')
    .map(({ text }) => [text, challenge] as const);
  const given = Object.entries(condition)
    .filter(([, value]) => (value as { present?: boolean }).present !== false)
    .filter(([source]) => !reflected.some(([text]) => text === source))
    .map(
      ([source, value]) => [source, Array.isArray(value) ? value[0] : isPresence(value) ? challenge : value] as const,
    );
  const shared =
    token === undefined ? [] : [[token.value.slice(1, -1), `${token.prefix ?? ''}${secrets[token.expected]}`] as const];
  return [...reflected, ...given, ...shared].reduce(
    (request, [source, value]) => withSource(request, source, value),
    empty,
  );
}

function isPresence(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'present' in value;
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
