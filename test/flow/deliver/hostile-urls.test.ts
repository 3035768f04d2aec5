import { Logger } from '@aws-lambda-powertools/logger';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { createEgressPolicy } from '../../../lambdas/adapters/http/egress-policy.ts';
import { createUndiciCallbackClient } from '../../../lambdas/adapters/http/undici-callback-client.ts';
import { createAddressFilter } from '../../../lambdas/engine/outbound/public-addresses.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createApiHandler } from '../../../lambdas/functions/api/handler.ts';
import { answerProblems } from '../../../lambdas/functions/invocation/answer-problems.ts';
import { countDials } from '../../fakes/count-dials.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { hostileUrls, ownOrigins, ownUrls, resolveHostileNames } from '../../fakes/hostile-urls.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

/** Allow plain http, so that no URL of the table is rejected only for its scheme. */
const egress = createEgressPolicy({ mayDial: createAddressFilter([]), allowHttp: true, resolve: resolveHostileNames });

describe('a hostile URL (invariant 11)', () => {
  test('fails when it is subscribed: 422 with the reason, nothing stored, no connection', async () => {
    const { ports, engine } = createFakeApi();
    const log = new Logger({ logLevel: 'SILENT' });
    const handler = middy(createApiHandler({ ports: { ...ports, egress }, log, outcomes: createOutcomeTally() })).use(
      answerProblems(log),
    );
    const create = (url: string) => handler(creation({ tenant: 'acme', url }), {} as Context);

    const { dials, result } = await countDials(() => Promise.all(hostileUrls.map(({ url }) => create(url))));
    expect(dials).toBe(0);
    for (const [index, { name, url, refusal }] of hostileUrls.entries()) {
      const { statusCode, headers, body = '' } = result[index] ?? {};
      expect([statusCode, headers?.['content-type']], name).toEqual([422, 'application/problem+json']);
      // The schema of the body rejects an empty URL, as other values that are not URLs.
      if (url === '') continue;
      const reason = /^The URL may not be called: (.*)\.$/.exec(JSON.parse(body).detail)?.[1];
      expect(reason, name).toMatch(refusal);
    }
    expect((await engine.subscriptions.list(undefined, 500, undefined)).items).toEqual([]);
    expect(await create('https://app.example.com/hooks')).toMatchObject({ statusCode: 201 });
  });

  test('fails when it is delivered to, however it was stored: a failed attempt, no connection', async () => {
    const engine = createFakeEngine();
    for (const [index, { url }] of hostileUrls.entries())
      await engine.subscriptions.create(aSubscription({ id: `sub_${index}`, url }));
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent() }]);
    const jobs = engine.deliveryQueue.messages().map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) }));
    expect(jobs).toHaveLength(hostileUrls.length);

    const callbacks = createUndiciCallbackClient(egress, engine.clock);
    const ports = { ...engine.drainPorts, callbacks };
    const { dials } = await countDials(async () => {
      await deliverEvents(ports, jobs);
      for (const { body } of engine.drainQueue.messages()) await drainEndpoint(ports, JSON.parse(body));
    });
    expect(dials).toBe(0);
    for (const [index, { name, refusal }] of hostileUrls.entries()) {
      const [delivery] = (await engine.deliveries.list(`sub_${index}`, 10, undefined)).items;
      expect(delivery, name).toMatchObject({ state: 'retrying', attempts: [{ number: 1, response: undefined }] });
      const [, reason] = /^refused: (.*)$/.exec(delivery?.attempts[0]?.error ?? '') ?? [];
      expect(reason, name).toMatch(refusal);
    }
  });
});

describe("the engine's own URL (H4)", () => {
  const self = createEgressPolicy({
    mayDial: createAddressFilter(['127.0.0.0/8', '::1/128']),
    allowHttp: true,
    ownOrigins,
    resolve: resolveHostileNames,
  });

  test.each(ownUrls)('fails when it is subscribed, by creation or change: $name', async ({ url, refusal }) => {
    const { ports } = createFakeApi();
    const log = new Logger({ logLevel: 'SILENT' });
    const handler = middy(
      createApiHandler({ ports: { ...ports, egress: self }, log, outcomes: createOutcomeTally() }),
    ).use(answerProblems(log));
    const call = async (body: object, method = 'POST', path = '/v1/subscriptions') => {
      const { statusCode, body: answer = '' } = await handler(creation(body, method, path), {} as Context);
      return { statusCode, answer: JSON.parse(answer) };
    };
    const tokenFrom = { type: 'oauth2', token_url: url, client_id: 'c', client_secret: 's' };

    const { dials } = await countDials(async () => {
      const created = await call({ tenant: 'acme', url: 'https://app.example.com/hooks' });
      expect(created.statusCode).toBe(201);
      for (const refused of [
        await call({ tenant: 'acme', url }),
        await call({ tenant: 'acme', url: 'https://app.example.com/hooks', auth: tokenFrom }),
        await call({ url }, 'PATCH', `/v1/subscriptions/${created.answer.id}`),
        await call({ auth: tokenFrom }, 'PATCH', `/v1/subscriptions/${created.answer.id}`),
      ]) {
        expect(refused.statusCode).toBe(422);
        const [, reason] = /^The URL may not be called: (?:token_url: )?(.*)\.$/.exec(refused.answer.detail) ?? [];
        expect(reason).toMatch(refusal);
      }
    });
    expect(dials).toBe(0);
  });

  test('fails when it is delivered to, however it was stored', async () => {
    const engine = createFakeEngine();
    for (const [index, { url }] of ownUrls.entries())
      await engine.subscriptions.create(aSubscription({ id: `sub_${index}`, url }));
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent() }]);
    const jobs = engine.deliveryQueue.messages().map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) }));
    const ports = { ...engine.drainPorts, callbacks: createUndiciCallbackClient(self, engine.clock) };
    const { dials } = await countDials(async () => {
      await deliverEvents(ports, jobs);
      for (const { body } of engine.drainQueue.messages()) await drainEndpoint(ports, JSON.parse(body));
    });
    expect(dials).toBe(0);
    for (const [index, { name, refusal }] of ownUrls.entries()) {
      const [delivery] = (await engine.deliveries.list(`sub_${index}`, 10, undefined)).items;
      const [, reason] = /^refused: (.*)$/.exec(delivery?.attempts[0]?.error ?? '') ?? [];
      expect(reason, name).toMatch(refusal);
    }
  });
});

function creation(body: object, method = 'POST', path = '/v1/subscriptions'): APIGatewayProxyEventV2 {
  return {
    version: '2.0',
    routeKey: 'ANY /v1/{proxy+}',
    rawPath: path,
    rawQueryString: '',
    headers: { authorization: 'Bearer tk_all_secret', 'content-type': 'application/json' },
    requestContext: { requestId: 'r1', http: { method, path } },
    body: JSON.stringify(body),
    isBase64Encoded: false,
  } as unknown as APIGatewayProxyEventV2;
}
