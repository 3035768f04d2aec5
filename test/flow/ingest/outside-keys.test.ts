import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { createRejectionCounter } from '../../../lambdas/flows/ingest/count-rejections.ts';
import { createPublishedKeys } from '../../../lambdas/flows/ingest/provider-keys.ts';
import { type ReceivePorts, receiveProviderRequest } from '../../../lambdas/flows/ingest/receive-webhook.ts';
import { createIngressHandler } from '../../../lambdas/functions/ingress/handler.ts';
import { answerProblems } from '../../../lambdas/functions/invocation/answer-problems.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { createInMemoryCallLimits } from '../../fakes/in-memory-call-limits.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { anAccount } from '../../fakes/samples.ts';
import { staffRequest, staffWith } from '../provider-request.ts';

const [pair, next, other] = [0, 1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })) as [
  Pair,
  Pair,
  Pair,
];
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
const jwkOf = ({ publicKey }: Pair, kid?: string) => JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid });
const pemOf = ({ publicKey }: Pair) => publicKey.export({ type: 'spki', format: 'pem' }) as string;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
function tokenOf({ privateKey }: Pair, kid?: string, claims: object = {}): string {
  const signed = `${encode({ alg: 'ES256', kid })}.${encode({ exp: 4_000_000_000, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const jwt = {
  jwt: { token: '{json.tokens}', algorithms: ['ES256'], key: { jwks: 'https://staff.example/keys' }, require: ['exp'] },
};
const hmac = {
  hmac: { algorithm: 'sha256', encoding: 'hex', key: 'signing_secret', message: '{body}', signature: '{header.X-Mac}' },
};
const target = { integration: 'staff', account: 'acc_acme' };
const minuteMs = 60_000;
const down = new EngineError('provider-unavailable', 'staff.example did not answer', { retryable: true });

async function prepare(verify: object = jwt): Promise<FakeEngine> {
  const engine = createFakeEngine(staffWith({ verify }, ['public_key']));
  await engine.accounts.create(anAccount());
  return engine;
}

const requestOf = (...tokens: readonly string[]) => staffRequest({ tokens, changes: [] });
const receive = (engine: FakeEngine, ...tokens: readonly string[]) =>
  receiveProviderRequest(engine.receivePorts, target, requestOf(...tokens));

/** An engine that fetches the published keys of a provider, with the same clock. */
function publishing(engine: FakeEngine, publish: () => readonly string[]): ReceivePorts {
  engine.provider.answerWith(() => ({ body: Buffer.from(`{"keys":[${publish().join()}]}`) }));
  const { provider, clock } = engine;
  return {
    ...engine.receivePorts,
    providerKeys: createPublishedKeys(
      { provider, issuers: provider, limits: createInMemoryCallLimits(clock), clock },
      [],
    ),
  };
}

describe('a request with a published key', () => {
  test('is accepted with that key, and rejected without a trace when the key does not verify it', async () => {
    const engine = await prepare();
    engine.providerKeys.publish(jwkOf(pair));
    expect(await receive(engine, tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
    expect(await receive(engine, tokenOf(other, 'a'))).toMatchObject({ reason: 'signature-mismatch' });
    engine.providerKeys.publish();
    expect(await receive(engine, tokenOf(pair, 'a'))).toMatchObject({ reason: 'key-unknown' });
    expect(engine.rawQueue.messages()).toHaveLength(1);
  });

  test('fails when the provider is down: it must be sent again, and nothing is accepted (invariant 1)', async () => {
    const engine = await prepare();
    engine.providerKeys.fail(down);
    await expect(receive(engine, tokenOf(pair, 'a'))).rejects.toMatchObject({ code: 'provider-unavailable' });
    expect(engine.rawQueue.messages()).toEqual([]);
    engine.providerKeys.publish(jwkOf(pair));
    expect(await receive(engine, tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
  });

  test('is answered 5xx while the provider is down, without internal details', async () => {
    const engine = await prepare();
    engine.providerKeys.fail(down);
    const log = new Logger({ logLevel: 'SILENT' });
    const outcomes = createOutcomeTally();
    const handler = middy(
      createIngressHandler({
        ports: engine.receivePorts,
        log,
        tell: () => {},
        outcomes,
        rejections: createRejectionCounter(engine.countPorts),
        ingressUrl: 'https://x.example',
      }),
    ).use(answerProblems(log));
    const event = {
      rawPath: '/in/staff/acc_acme',
      rawQueryString: '',
      pathParameters: target,
      headers: { 'content-type': 'application/json' },
      requestContext: { requestId: 'r1', http: { method: 'POST' } },
      body: requestOf(tokenOf(pair, 'a')).body.toString('utf8'),
    } as unknown as APIGatewayProxyEventV2;
    const answer = await handler(event, {} as Context);
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain('staff.example');
    expect(outcomes.sum('accepted')).toBe(0);
  });

  test('is accepted with a key that the account stores, and no key is fetched', async () => {
    const engine = await prepare();
    engine.accounts.overwrite(anAccount({ secrets: { public_key: pemOf(pair) } }));
    engine.providerKeys.fail(down);
    expect(await receive(engine, tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
    expect(await receive(engine, tokenOf(other, 'a'))).toMatchObject({ reason: 'signature-mismatch' });
    expect(engine.providerKeys.requests).toEqual([]);
  });

  test('causes few key fetches, whatever it names', async () => {
    const engine = await prepare();
    engine.providerKeys.publish(jwkOf(pair));
    const tokens = (count: number) => Array.from({ length: count }, (_, at) => tokenOf(pair, `k${at}`));
    expect(await receive(engine, ...tokens(4))).toMatchObject({ kind: 'accepted' });
    expect(engine.providerKeys.requests).toHaveLength(4);
    expect(await receive(engine, ...tokens(5))).toEqual({
      kind: 'rejected',
      reason: 'key-unknown',
      reply: expect.anything(),
    });
    // Four, and the same four again: the account may have changed since it was read.
    expect(engine.providerKeys.requests).toHaveLength(12);
  });

  test('causes no fetch when another check rejects it, and is accepted when another accepts it', async () => {
    const mac = (body: Buffer) => createHmac('sha256', 'a secret of acme').update(body).digest('hex');
    for (const [verify, isRight, kind] of [
      [{ all: [jwt, hmac] }, false, 'rejected'],
      [{ any: [jwt, hmac] }, true, 'accepted'],
    ] as const) {
      const engine = await prepare(verify);
      engine.providerKeys.fail(down);
      const request = requestOf(tokenOf(pair, 'a'));
      const headers = { ...request.headers, 'x-mac': isRight ? mac(request.body) : mac(Buffer.from('x')) };
      expect((await receiveProviderRequest(engine.receivePorts, target, { ...request, headers })).kind).toBe(kind);
      expect(engine.providerKeys.requests).toEqual([]);
    }
  });

  test('fails when any port call fails, that for its key included (invariant 1)', async () => {
    const prepared = async () => {
      const engine = await prepare();
      engine.providerKeys.publish(jwkOf(pair));
      return engine;
    };
    const { ports, calls } = injectFault((await prepared()).receivePorts);
    await receiveProviderRequest(ports, target, requestOf(tokenOf(pair, 'a')));
    expect(calls).toContain('providerKeys.find');
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepared();
        const struck = injectFault(engine.receivePorts, fault);
        await expect(receiveProviderRequest(struck.ports, target, requestOf(tokenOf(pair, 'a')))).rejects.toThrow(
          /failed/,
        );
        expect(await receive(engine, tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
      }
  });
});

describe('a provider that rotates its keys', () => {
  test('under new ids is followed at once', async () => {
    const engine = await prepare();
    let published = [jwkOf(pair, 'a')];
    const ports = publishing(engine, () => published);
    const receipt = (token: string) => receiveProviderRequest(ports, target, requestOf(token));
    expect(await receipt(tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
    engine.clock.advance(minuteMs);
    published = [jwkOf(pair, 'a'), jwkOf(next, 'b')];
    expect(await receipt(tokenOf(next, 'b'))).toMatchObject({ kind: 'accepted' });
    expect(await receipt(tokenOf(pair, 'a'))).toMatchObject({ kind: 'accepted' });
    expect(engine.provider.calls).toHaveLength(2);
  });

  test.each([
    ['without ids', undefined],
    ['under the same id', 'a'],
  ])('%s is followed with the next request, and forgeries cause few calls', async (_name, kid) => {
    const engine = await prepare();
    let published = [jwkOf(pair, kid)];
    const ports = publishing(engine, () => published);
    const receipt = (token: string) => receiveProviderRequest(ports, target, requestOf(token));
    expect(await receipt(tokenOf(pair, kid))).toMatchObject({ kind: 'accepted' });
    engine.clock.advance(minuteMs);
    published = [jwkOf(next, kid)];
    expect(await receipt(tokenOf(next, kid))).toMatchObject({ kind: 'accepted' });
    expect(await receipt(tokenOf(pair, kid)), 'the old key is no longer valid').toMatchObject({ kind: 'rejected' });
    for (let forged = 0; forged < 50; forged += 1) await receipt(tokenOf(other, kid));
    expect(engine.provider.calls).toHaveLength(2);
  });

  test('gets at most one call a minute for invented ids', async () => {
    const engine = await prepare();
    const ports = publishing(engine, () => [jwkOf(pair, 'a')]);
    for (let minute = 0; minute < 3; minute += 1) {
      for (let made = 0; made < 30; made += 1)
        expect(
          await receiveProviderRequest(ports, target, requestOf(tokenOf(other, `${minute} ${made}`))),
        ).toMatchObject({ reason: 'key-unknown' });
      expect(engine.provider.calls).toHaveLength(minute + 1);
      engine.clock.advance(minuteMs);
    }
  });
});
