import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { type Reception, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { checksWithin } from '../../lambdas/engine/verification/check-tree.ts';
import type { Verdict } from '../../lambdas/engine/verification/verdict.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';

/** A signed request that a provider's documentation or the tests of its library publish. */
interface Vector {
  readonly id: string;
  readonly provider: string;
  readonly source: string;
  readonly method: string;
  readonly url?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `secret` is the provider's only secret; `secrets` holds several, by the prefix of their names. */
  readonly secret?: string;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly publicKey?: string;
  /** Epoch seconds at which the request is received. */
  readonly now?: number;
  readonly expected: 'valid' | 'invalid' | 'challenge-response';
  readonly response?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly json?: unknown;
  };
}

const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as readonly Vector[];
const definitions = compileWebhookIntegrations(new URL('../../integrations/', import.meta.url));

test('each vector belongs to an integration of this repository', () => {
  expect(vectors.length).toBeGreaterThan(0);
  expect(vectors.filter(({ provider }) => !definitions.has(provider))).toEqual([]);
});

test.for(vectorsThatAre('valid'))('$id ($source) is verified, and fails with another secret', (vector) => {
  // GitHub and Atlassian publish the signature of a plain text as an example. It verifies, although it is not JSON.
  expect(verdictOf(receive(vector))).toMatchObject({ kind: 'verified' });
  const others = Object.fromEntries(Object.keys(secretsOf(vector)).map((name) => [name, 'dead'.repeat(16)]));
  expect(verdictOf(receive(vector, others)).kind).toBe('rejected');
});

test.for(vectorsThatAre('invalid'))('$id ($source) fails', (vector) => {
  expect(verdictOf(receive(vector))).toMatchObject({ kind: 'rejected', reason: 'timestamp-too-old' });
});

test.for(vectorsThatAre('challenge-response'))('$id ($source) is answered', (vector) => {
  const { status, headers = {}, body, json } = vector.response ?? { status: 0 };
  const reception = receive(vector);
  if (reception.kind !== 'handshake') throw new Error(JSON.stringify(reception));
  const { response } = reception;
  expect(response).toMatchObject({
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ...(body === undefined ? {} : { body }),
  });
  expect(json === undefined ? undefined : JSON.parse(response.body)).toEqual(json);
});

function vectorsThatAre(expected: Vector['expected']): readonly Vector[] {
  return vectors.filter((vector) => vector.expected === expected);
}

function receive(vector: Vector, secrets = secretsOf(vector)): Reception {
  const definition = definitionOf(vector);
  const request = requestOf(definition, vector, secretsOf(vector));
  return receiveWebhook(prepareWebhook(definition, readXml), request, secrets, (vector.now ?? 0) * 1000);
}

function definitionOf({ provider }: Vector): WebhookDefinition {
  const definition = definitions.get(provider);
  if (definition === undefined) throw new Error(`no integration ${provider}`);
  return definition;
}

function verdictOf(reception: Reception): Verdict {
  if (reception.kind === 'malformed') return reception.verdict;
  return reception.kind === 'handshake' ? { kind: 'verified' } : reception;
}

function secretsOf(vector: Vector): Readonly<Record<string, string>> {
  const valueOf = (name: string) => {
    const named = Object.entries(vector.secrets ?? {}).find(([beginning]) => name.startsWith(beginning));
    return named?.[1] ?? vector.publicKey ?? vector.secret;
  };
  return Object.fromEntries(
    Object.keys(definitionOf(vector).secrets).flatMap((name) => {
      const value = valueOf(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function requestOf(
  definition: WebhookDefinition,
  vector: Vector,
  secrets: Readonly<Record<string, string>>,
): WebhookRequest {
  const url = new URL(vector.url ?? 'https://hooks.example.com/');
  const basic = [...checksWithin(definition.webhook.verify)].find((check) => check.basic !== undefined)?.basic;
  // A vector only has a signature; the test adds the credentials that some providers also send.
  const pair = basic === undefined ? undefined : `${secrets[basic.username]}:${secrets[basic.password]}`;
  return {
    method: vector.method,
    url: vector.url ?? url.href,
    path: url.pathname,
    query: url.search.slice(1),
    headers: {
      ...vector.headers,
      ...(pair === undefined ? {} : { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }),
    },
    body: Buffer.from(vector.body),
  };
}
