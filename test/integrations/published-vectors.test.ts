import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import { type Reception, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { checksWithin } from '../../lambdas/engine/verification/check-tree.ts';
import type { Verdict } from '../../lambdas/engine/verification/verdict.ts';
import { compileIntegrations } from '../../lib/definitions/compile-integrations.ts';

/** What the providers themselves, or the tests of their own libraries, give as a request and its signature. */
interface Vector {
  readonly id: string;
  readonly provider: string;
  readonly source: string;
  readonly method: string;
  readonly url?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The one secret of the provider, or several by the beginning of their names. */
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
const definitions = compileIntegrations(new URL('../../integrations/', import.meta.url));
const known = vectors.filter(({ provider }) => definitions.has(provider));
const waiting = vectors.filter(({ provider }) => !definitions.has(provider));

describe.each(known)('$id ($source)', (vector) => {
  const definition = definitions.get(vector.provider) as Definition;
  const secrets = secretsOf(definition, vector);
  const receive = (values: Readonly<Record<string, string>>) =>
    receiveWebhook(
      prepareWebhook(definition, readXml),
      requestOf(definition, vector, secrets),
      values,
      (vector.now ?? 0) * 1000,
    );

  test.runIf(vector.expected === 'valid')('is verified, and fails with another secret', () => {
    // GitHub and Atlassian sign a text to show how, which they never send: it is signed, and no JSON.
    expect(verdictOf(receive(secrets))).toMatchObject({ kind: 'verified' });
    const others = Object.fromEntries(Object.keys(secrets).map((name) => [name, 'dead'.repeat(16)]));
    expect(verdictOf(receive(others)).kind).toBe('rejected');
  });

  test.runIf(vector.expected === 'invalid')('fails', () => {
    expect(verdictOf(receive(secrets))).toMatchObject({ kind: 'rejected', reason: 'timestamp-too-old' });
  });

  test.runIf(vector.expected === 'challenge-response')('is answered', () => {
    const { status, headers = {}, body, json } = vector.response ?? { status: 0 };
    const reception = receive(secrets);
    if (reception.kind !== 'handshake') throw new Error(JSON.stringify(reception));
    const { response } = reception;
    expect(response).toMatchObject({
      status,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      ...(body === undefined ? {} : { body }),
    });
    expect(json === undefined ? undefined : JSON.parse(response.body)).toEqual(json);
  });
});

describe(`${waiting.length} of ${vectors.length} vectors wait for their provider`, () => {
  test.skipIf(waiting.length > 0)('none does', () => {
    expect(waiting).toEqual([]);
  });
});

function verdictOf(reception: Reception): Verdict {
  if (reception.kind === 'malformed') return reception.verdict;
  return reception.kind === 'handshake' ? { kind: 'verified' } : reception;
}

function secretsOf({ secrets }: Definition, vector: Vector): Readonly<Record<string, string>> {
  const valueOf = (name: string) => {
    const named = Object.entries(vector.secrets ?? {}).find(([beginning]) => name.startsWith(beginning));
    return named?.[1] ?? vector.publicKey ?? vector.secret;
  };
  return Object.fromEntries(
    Object.keys(secrets).flatMap((name) => {
      const value = valueOf(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function requestOf(definition: Definition, vector: Vector, secrets: Readonly<Record<string, string>>): WebhookRequest {
  const url = new URL(vector.url ?? 'https://hooks.example.com/');
  const basic = [...checksWithin(definition.webhook.verify)].find((check) => check.basic !== undefined)?.basic;
  // A vector speaks of a signature alone; the credentials that some providers send beside it are made here.
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
