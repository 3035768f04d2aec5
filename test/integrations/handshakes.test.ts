import { describe, expect, test } from 'vitest';
import type { HandshakeSpec } from '../../lambdas/engine/definition/webhook-schema.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { parseSource } from '../../lambdas/engine/template/template.ts';
import { integrations, integrationUnderTest, isFor, withHeader } from './integration-under-test.ts';
import { placeholders } from './what-is-signed.ts';

const challenge = 'c0ffee-challenge-of-this-test';

// An integration without handshakes has no tests here.
describe.each(integrations.filter(({ definition }) => definition.webhook.handshakes.length > 0))(
  '$name',
  ({ name, definition }) => {
    const { samples, keys, sign, receive } = integrationUnderTest(name, definition);
    const handshakes = definition.webhook.handshakes.flatMap((spec) =>
      (Array.isArray(spec.when) ? spec.when : [spec.when]).map((condition, index) => ({
        title: `${spec.name} ${index + 1}`,
        spec,
        // Prefer a sample: the handshake may need more than the parts that its condition and its answer name.
        request:
          samples.map((sample) => sample.request).find((request) => isFor(definition, spec, request)) ??
          handshakeRequest(spec, condition, keys.secrets),
      })),
    );
    describe.each(handshakes)('handshake $title', ({ spec, request }) => {
      const { status, body, json, headers } = spec.respond;
      const answered = { kind: 'handshake', name: spec.name, response: { status } };
      const isOpen = spec.verify === 'none';

      test('is answered when it is signed, with the reflected values and without a secret', () => {
        const reception = receive(isOpen ? request : sign(request));
        expect(reception).toMatchObject(answered);
        const told = JSON.stringify(reception);
        const reflects = [body ?? '', ...Object.values(json ?? {}), ...Object.values(headers)].some((text) =>
          placeholders(text).some(({ transforms }) => transforms.length === 0),
        );
        expect(reflects ? told : challenge).toContain(challenge);
        for (const secret of Object.values(keys.secrets)) expect(told).not.toContain(secret);
      });

      test('is answered without a signature or a secret only if the definition says so', () => {
        expect(receive(request)).toMatchObject(isOpen ? answered : { kind: 'rejected' });
        const needsSecret = !isOpen || spec.token !== undefined || namesSecret(spec);
        expect(receive(request, {})).toMatchObject(needsSecret ? { kind: 'rejected' } : answered);
      });
    });
  },
);

function namesSecret({ respond }: HandshakeSpec): boolean {
  return [respond.body ?? '', ...Object.values(respond.json ?? {}), ...Object.values(respond.headers)].some((text) =>
    placeholders(text).some(
      ({ source, transforms }) => source.from === 'secret' || transforms.some(({ secret }) => secret !== undefined),
    ),
  );
}

/** Build a request with the parts that a handshake's condition, token and answer name. */
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
      throw new Error(`cannot put ${name} into a request`);
  }
}

function withPath(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const members = typeof target === 'object' && target !== null ? (target as Record<string, unknown>) : {};
  return { ...members, [key]: withPath(members[key], rest, value) };
}
