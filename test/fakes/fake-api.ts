import type { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import type { VersionedResources } from '../../lambdas/engine/schema-versions/versioned-resource.ts';
import type { CallPolicy } from '../../lambdas/flows/access/limit-call-rate.ts';
import type { Quotas } from '../../lambdas/flows/access/quotas.ts';
import type { WaitingPolicy } from '../../lambdas/flows/feed/enter-waiting.ts';
import type { ApiPorts } from '../../lambdas/functions/api/api-ports.ts';
import { createApiHandler } from '../../lambdas/functions/api/handler.ts';
import { ProblemError } from '../../lambdas/functions/invocation/answer-problems.ts';
import { problemResponse } from '../../lambdas/functions/invocation/problem-details.ts';
import type { ApiKey } from '../../lambdas/ports/tenants/api-key-store.ts';
import { compileVersionedResources } from '../../lib/definitions/compile-resources.ts';
import { decodePath } from '../../lib/local/sources/http-routes.ts';
import { mustBeDeclared } from './declared-answer.ts';
import type { Dumpable } from './dump.ts';
import { createFakeEngine } from './fake-engine.ts';
import { createFakeProvider } from './fake-provider.ts';
import { createInMemoryAnswers } from './in-memory-answers.ts';
import { apiKey } from './in-memory-api-keys.ts';
import { createInMemoryAudit } from './in-memory-audit.ts';
import { createInMemoryCallLimits } from './in-memory-call-limits.ts';
import { createInMemoryCatalog } from './in-memory-catalog.ts';
import { createInMemoryConnectStates } from './in-memory-connect-states.ts';
import { drainQueueOn, enrichQueueOn, pollQueueOn, rawQueueOn } from './in-memory-queue.ts';
import { createInMemoryWaitingCalls } from './in-memory-waiting-calls.ts';
import { createOutcomeTally } from './outcome-tally.ts';
import { staff } from './samples.ts';

export interface FakeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The body as text, to search for forbidden content. */
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers without a schema
  readonly body: any;
}

const shipped = compileVersionedResources(new URL('../../integrations/', import.meta.url));
/** An integration whose requests may arrive at the URL for all accounts. */
const shared: Definition = {
  ...staff,
  name: 'shared',
  routing: { context_lookup_field: 'body.company', account_context: 'company_id', secrets: 'app' },
};
/** Keys by their tenant. */
const keys = { all: 'tk_all_secret', acme: 'tk_acme_secret', globex: 'tk_globex_secret' } as const;

export interface FakeApiOptions {
  /** Keys in addition to `all`, `acme` and `globex`. */
  readonly keys?: readonly ApiKey[];
  readonly callPolicy?: Partial<CallPolicy>;
  readonly waitingPolicy?: Partial<WaitingPolicy>;
  readonly quotas?: Partial<Quotas>;
  /** Resources with schemas. @default the shipped ones */
  readonly resources?: VersionedResources;
  /** Integrations in addition to `staff` and `shared`. */
  readonly definitions?: readonly Definition[];
  /** Candidates of them. */
  readonly candidates?: readonly Definition[];
}

/** The API's handler on the stores and queues of a fake engine. */
export function createFakeApi({
  keys: moreKeys = [],
  callPolicy = {},
  waitingPolicy = {},
  quotas = {},
  resources = shipped,
  definitions = [],
  candidates = [],
}: FakeApiOptions = {}) {
  const tenants: Readonly<Record<keyof typeof keys, string | null>> = { all: null, acme: 'acme', globex: 'globex' };
  const engine = createFakeEngine(staff, resources, [
    ...Object.entries(tenants).map(([id, tenant]) => apiKey(id, 'secret', tenant)),
    ...moreKeys,
  ]);
  const { apiKeys } = engine;
  const outcomes = createOutcomeTally();
  const audit = createInMemoryAudit();
  const answers = createInMemoryAnswers(engine.clock);
  const callLimits = createInMemoryCallLimits(engine.clock);
  const provider = createFakeProvider(
    engine.clock,
    engine.randomness,
    engine.expressions,
    undefined,
    enrichQueueOn(engine.enrichQueue),
  );
  const ports: ApiPorts = {
    keys: apiKeys,
    limits: callLimits,
    callPolicy: {
      perKey: { calls: 60_000, windowMs: 60_000 },
      perTenant: { calls: 60_000, windowMs: 60_000 },
      ...callPolicy,
    },
    waitingCalls: createInMemoryWaitingCalls(engine.clock),
    waitingPolicy: { perKey: 50, perTenant: 200, ...waitingPolicy },
    quotas: { ...engine.quotas, ...quotas },
    answers,
    audit,
    accounts: engine.accounts,
    tenants: engine.tenants,
    tenantPolicies: engine.publishPorts.tenantPolicies,
    governanceQueue: engine.adminPorts.governanceQueue,
    retentionDays: engine.adminPorts.retentionDays,
    rawRetentionDays: engine.adminPorts.rawRetentionDays,
    contexts: engine.contexts,
    parked: engine.parking,
    rawQueue: rawQueueOn(engine.rawQueue),
    rawLetters: { receive: async () => [], remove: async () => {}, putBack: async () => {} },
    archive: engine.archive,
    settings: engine.settings,
    subscriptions: engine.subscriptions,
    subscriptionRoutes: engine.subscriptions,
    records: engine.records,
    events: engine.events,
    locator: engine.events,
    consumers: engine.consumers,
    payloads: engine.payloads,
    deliveries: engine.deliveries,
    replays: engine.replays,
    runningWork: engine.runningWork,
    endpoints: engine.endpoints,
    endpointPolicy: engine.drainPorts.endpointPolicy,
    statistics: engine.statistics,
    drainQueue: drainQueueOn(engine.drainQueue),
    provider: provider.ports,
    connectStates: createInMemoryConnectStates(engine.clock),
    connectReturnOrigins: ['https://app.example.com', 'http://localhost:*'],
    fetches: engine.fetches,
    syncs: engine.syncs,
    pollQueue: pollQueueOn(engine.pollQueue),
    enrichQueue: enrichQueueOn(engine.enrichQueue),
    callbacks: engine.callbacks,
    tokens: engine.tokens,
    engineKey: engine.engineKey,
    integrations: createInMemoryCatalog([staff, shared, ...definitions]),
    candidates: createInMemoryCatalog(candidates),
    canaries: engine.canaries,
    resources: engine.resources,
    expressions: engine.expressions,
    egress: engine.egress,
    ownAccount: engine.ownAccount,
    clock: engine.clock,
    pause: engine.pause,
    randomness: engine.randomness,
    publicUrl: 'https://api.example.com',
    ingressUrl: 'https://api.example.com',
  };
  const log = { info() {}, warn() {}, error() {} } as unknown as Logger;
  const handler = createApiHandler({ ports, log, outcomes });

  return {
    engine,
    provider,
    /** Every store whose contents tests can compare, by name. */
    stores: {
      accounts: engine.accounts,
      answers,
      apiKeys,
      audit,
      callLimits,
      consumers: engine.consumers,
      contexts: engine.contexts,
      credentials: provider.ports.credentials,
      deliveries: engine.deliveries,
      deliveryQueue: engine.deliveryQueue,
      drainQueue: engine.drainQueue,
      endpoints: engine.endpoints,
      events: engine.events,
      fetches: engine.fetches,
      governanceQueue: engine.governanceQueue,
      parking: engine.parking,
      payloads: engine.payloads,
      rawBodies: engine.rawBodies,
      rawDeadLetters: engine.rawDeadLetters,
      rawQueue: engine.rawQueue,
      records: engine.records,
      replays: engine.replays,
      settings: engine.settings,
      statistics: engine.statistics,
      subscriptions: engine.subscriptions,
      syncs: engine.syncs,
      canaries: engine.canaries,
      tenants: engine.tenants,
    } satisfies Readonly<Record<string, Dumpable>>,
    outcomes,
    ports,
    audit,
    apiKeys,
    /** A GET of a browser, without a key. */
    browse: async (
      path: string,
      query: Readonly<Record<string, string>>,
    ): Promise<APIGatewayProxyStructuredResultV2> => {
      const event = {
        version: '2.0',
        routeKey: 'GET /connect/{integration}/callback',
        rawPath: path,
        rawQueryString: new URLSearchParams(query).toString(),
        queryStringParameters: query,
        headers: {},
        requestContext: {
          http: { method: 'GET', path, sourceIp: '203.0.113.7', userAgent: 'test' },
          requestId: 'request_1',
        },
        isBase64Encoded: false,
      } as unknown as APIGatewayProxyEventV2;
      return await handler(event, {} as Context);
    },
    /**
     * @param body - Text is sent unchanged.
     * @param as - Name of a key; null for no key; other text is sent as the bearer token.
     * @param headers - In addition to `authorization`; names in lower case.
     */
    call: async (
      method: string,
      path: string,
      body?: unknown,
      as: keyof typeof keys | (string & {}) | null = 'all',
      headers: Readonly<Record<string, string>> = {},
    ): Promise<FakeAnswer> => {
      const [encodedPath = '', rawQueryString = ''] = path.split('?');
      // As API Gateway does.
      const rawPath = decodePath(encodedPath);
      const event = {
        version: '2.0',
        routeKey: 'ANY /v1/{proxy+}',
        rawPath,
        rawQueryString,
        headers: {
          ...(as === null ? {} : { authorization: `Bearer ${as in keys ? keys[as as keyof typeof keys] : as}` }),
          ...headers,
        },
        pathParameters: { proxy: rawPath.replace(/^\/v1\//, '') },
        requestContext: {
          http: { method, path: rawPath, sourceIp: '203.0.113.7', userAgent: 'test' },
          requestId: 'request_1',
        },
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
      mustBeDeclared(method, rawPath, answer.statusCode ?? 0, text === '' ? undefined : JSON.parse(text));
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
