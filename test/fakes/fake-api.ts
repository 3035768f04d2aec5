import { createHash } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { ProblemError } from '../../lambdas/functions/answer-problems.ts';
import type { ApiPorts } from '../../lambdas/functions/api/api-ports.ts';
import { createApiHandler } from '../../lambdas/functions/api/handler.ts';
import { problemResponse } from '../../lambdas/functions/problem-details.ts';
import type { ApiKey } from '../../lambdas/ports/api-key-store.ts';
import { compileResources } from '../../lib/definitions/compile-resources.ts';
import { createFakeEngine } from './fake-engine.ts';
import { createInMemoryApiKeys } from './in-memory-api-keys.ts';
import { createInMemoryCatalog } from './in-memory-catalog.ts';
import { drainQueueOn, rawQueueOn } from './in-memory-queue.ts';
import { createOutcomeTally } from './outcome-tally.ts';
import { staff } from './samples.ts';

export interface FakeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** As text, to look for what must not be in it. */
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers without a schema
  readonly body: any;
}

const resources = compileResources(new URL('../../integrations/', import.meta.url));
/** Keys by the tenant that they may act for. */
const keys = { all: 'tk_all_secret', acme: 'tk_acme_secret', globex: 'tk_globex_secret' } as const;
const secretSha256 = createHash('sha256').update('secret').digest('hex');

/** The API's handler on the stores and queues of a fake engine. */
export function createFakeApi() {
  const engine = createFakeEngine();
  const outcomes = createOutcomeTally();
  const tenants: Readonly<Record<keyof typeof keys, string | null>> = { all: null, acme: 'acme', globex: 'globex' };
  const ports: ApiPorts = {
    keys: createInMemoryApiKeys(Object.entries(tenants).map(([id, tenant]): ApiKey => ({ id, tenant, secretSha256 }))),
    accounts: engine.accounts,
    tenants: engine.tenants,
    governanceQueue: engine.adminPorts.governanceQueue,
    retentionDays: engine.adminPorts.retentionDays,
    rawRetentionDays: engine.adminPorts.rawRetentionDays,
    contexts: engine.contexts,
    parked: engine.parking,
    rawQueue: rawQueueOn(engine.rawQueue),
    rawLetters: { receive: async () => [], remove: async () => {}, putBack: async () => {} },
    settings: engine.settings,
    subscriptions: engine.subscriptions,
    events: engine.events,
    locator: engine.events,
    payloads: engine.payloads,
    deliveries: engine.deliveries,
    replays: engine.replays,
    endpoints: engine.endpoints,
    endpointPolicy: engine.drainPorts.endpointPolicy,
    drainQueue: drainQueueOn(engine.drainQueue),
    callbacks: engine.callbacks,
    tokens: engine.tokens,
    integrations: createInMemoryCatalog([staff]),
    resources: { all: async () => resources },
    egress: engine.egress,
    clock: engine.clock,
    pause: engine.pause,
    randomness: engine.randomness,
    publicUrl: 'https://api.example.com',
  };
  const log = { info() {}, error() {} } as unknown as Logger;
  const handler = createApiHandler({ ports, log, outcomes });

  return {
    engine,
    outcomes,
    /** @param body - Text is sent as it is. @param as - Whose key; null for none. */
    async call(
      method: string,
      path: string,
      body?: unknown,
      as: keyof typeof keys | null = 'all',
    ): Promise<FakeAnswer> {
      const [rawPath = '', rawQueryString = ''] = path.split('?');
      const event = {
        version: '2.0',
        routeKey: 'ANY /v1/{proxy+}',
        rawPath,
        rawQueryString,
        headers: as === null ? {} : { authorization: `Bearer ${keys[as]}` },
        pathParameters: { proxy: rawPath.replace(/^\/v1\//, '') },
        requestContext: { http: { method, path: rawPath }, requestId: 'request_1' },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
        isBase64Encoded: false,
      } as unknown as APIGatewayProxyEventV2;
      let answer: APIGatewayProxyStructuredResultV2;
      try {
        answer = await handler(event, {} as Context);
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        answer = problemResponse(error.problem);
      }
      const text = answer.body ?? '';
      return {
        status: answer.statusCode ?? 0,
        headers: { ...answer.headers },
        text,
        body: text === '' ? undefined : JSON.parse(text),
      };
    },
  };
}

export type FakeApi = ReturnType<typeof createFakeApi>;
