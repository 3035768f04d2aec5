import type { Logger } from '@aws-lambda-powertools/logger';
import httpRouter, { type Route } from '@middy/http-router';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { holdsScope } from '../../engine/access/scopes.ts';
import { bodySchema, maxBodyBytesOf, type OperationShape } from '../../engine/api/operation.ts';
import { type OperationId, operations } from '../../engine/api/operations.ts';
import { answerOnce, type RepeatableRequest } from '../../flows/access/answer-idempotently.ts';
import { auditCall } from '../../flows/access/audit-call.ts';
import { identifyCaller, type RefusedKey } from '../../flows/access/identify-caller.ts';
import { limitCall } from '../../flows/access/limit-call-rate.ts';
import { createRefusalNotes } from '../../flows/access/note-refusal.ts';
import type { AuditEntry } from '../../ports/tenants/audit-log.ts';
import type { StoredAnswer } from '../../ports/tenants/idempotency-store.ts';
import { ProblemError } from '../invocation/answer-problems.ts';
import type { ApiOutcomes, ApiPorts } from './api-ports.ts';
import { type AnyAnswer, type ApiCall, bodyText, check, type Handlers } from './pipeline/api-call.ts';
import { identifyTokenClient, oauthProblem, unknownClient } from './pipeline/client-credentials.ts';
import { createCursors } from './pipeline/cursors.ts';
import { lacksScope, notFound, notKnown, type Principal } from './pipeline/principal.ts';
import { rateLimitHeaders, refuseOverLimit } from './pipeline/rate-limit.ts';
import { limitOf, parsed, readIdempotencyKey, readQuery, refuseLargeBody } from './pipeline/read-call.ts';
import { conditional, isTooLarge, methodsOf, type Result, toResult, written } from './pipeline/write-answer.ts';
import { accessHandlers } from './routes/access.ts';
import { accountHandlers } from './routes/accounts.ts';
import { auditHandlers } from './routes/audit.ts';
import { catalogueHandlers } from './routes/catalogue.ts';
import { consumerHandlers } from './routes/consumers.ts';
import { deliveryHandlers } from './routes/deliveries.ts';
import { eventHandlers } from './routes/events.ts';
import { replayHandlers } from './routes/replays.ts';
import { statisticsHandlers } from './routes/statistics.ts';
import { subscriptionHandlers } from './routes/subscriptions.ts';
import { systemHandlers } from './routes/system.ts';
import { tenantHandlers } from './routes/tenants.ts';

export interface ApiRuntime {
  readonly ports: ApiPorts;
  readonly log: Logger;
  readonly outcomes: ApiOutcomes;
}

/** A secret has 43 characters. */
const maxLoggedId = 32;

type AnyHandler = (call: ApiCall) => Promise<AnyAnswer>;

/** The principal of calls to public operations, which need no key. */
const anonymous: Principal = {
  keyId: '',
  tenant: '',
  scopes: [],
  tokenId: null,
  secret: undefined,
  endsAtMs: Number.POSITIVE_INFINITY,
  ratePerMinute: undefined,
};

/**
 * The API. What an operation declares is done here, for each the same way and in this order:
 *
 *   how large is the body (413) -> who calls (401) -> how often (429) -> with which scope (403) -> is what is said of the right form (400, 422)
 *   -> was it said before (Idempotency-Key) -> the audit -> the operation -> has the caller its answer (304)
 */
export function createApiHandler({ ports, log, outcomes }: ApiRuntime) {
  const warn = (what: string) => (error: unknown) => log.warn(what, error as Error);
  const handlers: Handlers<OperationId> = {
    ...accountHandlers(ports),
    ...subscriptionHandlers(ports, outcomes),
    ...deliveryHandlers(ports, outcomes),
    ...replayHandlers(ports),
    ...eventHandlers(ports, warn('waiting calls cannot be counted')),
    ...consumerHandlers(ports, warn('waiting calls cannot be counted')),
    ...catalogueHandlers(ports),
    ...accessHandlers(ports),
    ...auditHandlers(ports),
    ...statisticsHandlers(ports),
    ...tenantHandlers(ports),
    ...systemHandlers(ports),
  };
  const noteRefusal = createRefusalNotes(ports);

  /** @throws {ProblemError} 401 for who is not known, which is counted, logged and noted. */
  async function identify(id: OperationId, shape: OperationShape, event: APIGatewayProxyEventV2): Promise<Principal> {
    const isClient = shape.access === 'credentials';
    const identification = isClient
      ? await identifyTokenClient(ports, event)
      : await identifyCaller(ports, event.headers['authorization']);
    if (identification.kind === 'known') return identification.principal;
    const source = sourceOf(event);
    const key = identification.kind === 'no-credentials' ? undefined : identification.key;
    log.warn('credentials refused', { operation: id, reason: identification.kind, key: safeId(key), ip: source.ip });
    if (identification.kind !== 'no-credentials') {
      outcomes.count('credentials-refused');
      if (key !== undefined)
        await noteRefusal({ key, reason: identification.kind, operation: id, source }).catch(
          warn('a refusal cannot be noted'),
        );
    }
    throw isClient ? unknownClient() : notKnown(identification);
  }

  /** Who calls, where it is told how often it may go on. */
  async function admit(
    id: OperationId,
    shape: OperationShape,
    event: APIGatewayProxyEventV2,
    headers: Record<string, string>,
  ): Promise<Principal> {
    if (shape.access === 'public') return anonymous;
    const principal = await identify(id, shape, event);
    const standings = await limitCall(ports, principal, warn('limits cannot be read'));
    Object.assign(headers, rateLimitHeaders(standings));
    refuseOverLimit(standings);
    const { access } = shape;
    if (access !== 'any-key' && access !== 'credentials' && !holdsScope(principal.scopes, access))
      throw lacksScope(access);
    if (shape.isForAllTenants === true && principal.tenant !== null)
      throw new ProblemError({ status: 403, detail: 'Only a key for all tenants may do what concerns them all.' });
    return principal;
  }

  /** What the operation is told of a request. */
  function readCall(shape: OperationShape, event: APIGatewayProxyEventV2, text: string) {
    // `proxy` is the gateway's own name for the path below /v1.
    const { proxy: _, ...params } = (event.pathParameters ?? {}) as Record<string, string>;
    // What no id can look like is not asked for: a store has its own limits for keys.
    if (Object.values(params).some((id) => !/^[\w.-]{1,256}$/.test(id))) throw notFound('resource');
    const query = shape.query === undefined ? undefined : check(shape.query, readQuery(event), 400);
    return { params, query, body: shape.body === undefined ? undefined : readBody(shape, text) };
  }

  function readBody(shape: OperationShape, text: string): unknown {
    if (shape.access !== 'credentials') return readJson(shape, text);
    try {
      return readJson(shape, text);
    } catch (error) {
      throw error instanceof ProblemError ? oauthProblem(error.problem) : error;
    }
  }

  function readJson({ body, hasOptionalBody, access }: OperationShape, text: string): unknown {
    if (body === undefined) return undefined;
    const schema = bodySchema(body, ports.clock.nowMs());
    if (access === 'credentials' && !/^\s*\{/.test(text))
      return check(schema, Object.fromEntries(new URLSearchParams(text)), 422);
    let value: unknown;
    try {
      value = JSON.parse(text.trim() === '' && hasOptionalBody === true ? '{}' : text);
    } catch {
      throw new ProblemError({ status: 400, detail: 'The body must be JSON.' });
    }
    return check(schema, value, 422);
  }

  /** Carry an operation out, with what it did in the audit. */
  async function carryOut(id: OperationId, shape: OperationShape, event: APIGatewayProxyEventV2, call: ApiCall) {
    const handle = handlers[id] as unknown as AnyHandler;
    const { isAudited = shape.method !== 'GET' } = shape;
    if (!isAudited) return handle(call);
    const { keyId, tenant, tokenId } = call.principal;
    const named = /^\/v1\/([^/]+(?:\/[^/]+)?)/.exec(event.rawPath)?.[1] ?? event.rawPath;
    return auditCall(
      ports,
      {
        operation: id,
        object: named,
        tenant,
        actor: { key: keyId, token: tokenId },
        source: sourceOf(event),
        // Those of a body that was checked: what a route does not take is not written down.
        fields: shape.body === undefined ? [] : Object.keys(parsed(bodyText(event)) ?? {}).slice(0, 100),
      },
      async () => {
        const answer = await handle(call);
        return { answer, status: answer.status, change: answer.change };
      },
      {
        statusOf: (error) => (error instanceof ProblemError ? error.problem.status : 500),
        warn: warn('the end of a call cannot be written down'),
      },
    );
  }

  async function answer(id: OperationId, event: APIGatewayProxyEventV2): Promise<Result> {
    const shape: OperationShape = operations[id];
    // Told with every answer from here on, refusals too.
    const headers: Record<string, string> = {};
    let status = 500;
    let key: string | undefined;
    try {
      refuseLargeBody(shape, event);
      const principal = await admit(id, shape, event, headers);
      key = principal.keyId;
      const text = maxBodyBytesOf(shape) === undefined ? '' : bodyText(event);
      const read = readCall(shape, event, text);
      const cursors = createCursors(ports.engineKey, { operation: id, principal, ...read });
      const repeatable = readIdempotencyKey(shape, event, principal, text);
      const perform = async (stableId?: string) =>
        written(await carryOut(id, shape, event, { ...read, principal, cursors, stableId } as ApiCall));
      const readPage = async () => {
        let given = await perform();
        // As large as its entries are: a page that no function could answer is read again, half as long.
        for (let limit = limitOf(read.query); limit > 1 && isTooLarge(given); limit = limitOf(read.query)) {
          Object.assign(read.query as object, { limit: Math.floor(limit / 2) });
          given = await perform();
        }
        return given;
      };
      const result =
        shape.method === 'GET'
          ? conditional(await readPage(), event.headers['if-none-match'])
          : toResult(repeatable === undefined ? await perform() : await performOnce(repeatable, perform));
      status = result.statusCode ?? 200;
      return { ...result, headers: { 'cache-control': 'no-store', ...headers, ...result.headers } };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      status = error.problem.status;
      throw new ProblemError({ ...error.problem, headers: { ...headers, ...error.problem.headers } });
    } finally {
      log.info('api answered', { operation: id, key, status });
    }
  }

  async function performOnce(
    request: RepeatableRequest,
    perform: (stableId: string) => Promise<StoredAnswer>,
  ): Promise<StoredAnswer> {
    const isRefusal = (error: unknown) => error instanceof ProblemError && error.problem.status < 500;
    const outcome = await answerOnce(ports, request, perform, isRefusal);
    switch (outcome.kind) {
      case 'answered':
        return outcome.answer;
      case 'repeated':
        return { ...outcome.answer, headers: { ...outcome.answer.headers, 'idempotent-replayed': 'true' } };
      case 'mismatch':
        throw new ProblemError({
          status: 409,
          detail: 'This Idempotency-Key was used for another request.',
          extensions: { reason: 'idempotency-key-reused' },
        });
      case 'in-progress':
        throw new ProblemError({
          status: 409,
          detail: 'A request with this Idempotency-Key is being carried out.',
          extensions: { reason: 'idempotency-key-in-use' },
          headers: { 'retry-after': String(Math.ceil(outcome.retryAfterMs / 1000)) },
        });
    }
  }

  return httpRouter<APIGatewayProxyEventV2, Result>({
    routes: (Object.keys(operations) as OperationId[]).map(
      (id): Route<APIGatewayProxyEventV2, Result> => ({
        method: operations[id].method,
        path: operations[id].path,
        handler: async (event: APIGatewayProxyEventV2) => answer(id, event),
      }),
    ),
    notFoundResponse: ({ path }) => {
      const allowed = methodsOf(path);
      throw allowed.length === 0
        ? new ProblemError({ status: 404, detail: 'There is no such route.' })
        : new ProblemError({
            status: 405,
            detail: 'This route does not take this method.',
            headers: { allow: allowed.join(', ') },
          });
    },
  });
}

function sourceOf({ requestContext: { http, requestId } }: APIGatewayProxyEventV2): AuditEntry['source'] {
  return { ip: http.sourceIp ?? null, user_agent: http.userAgent ?? null, request_id: requestId };
}

/**
 * The id of a refused key as it may be logged: that of a key that there is, or one that is too short to be a secret in
 * the wrong place.
 */
function safeId(key: RefusedKey | undefined): string | undefined {
  return key !== undefined && (key.tenant !== undefined || key.id.length <= maxLoggedId) ? key.id : undefined;
}
