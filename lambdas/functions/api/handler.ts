import httpRouter, { type Route } from '@middy/http-router';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { maxBodyBytesOf, type OperationShape } from '../../engine/api/operation.ts';
import { type OperationId, operations } from '../../engine/api/operations.ts';
import { createRefusalNotes } from '../../flows/access/note-refusal.ts';
import { ProblemError } from '../invocation/answer-problems.ts';
import type { ApiRuntime } from './api-ports.ts';
import { answerConnectCallback } from './connect-callback.ts';
import { admitCall } from './pipeline/admit-call.ts';
import { bodyText, type Handlers } from './pipeline/api-call.ts';
import { type ApiRequest, type PipelineContext, sourceOf } from './pipeline/api-request.ts';
import { createCursors } from './pipeline/cursors.ts';
import { pathPattern } from './pipeline/path-parameters.ts';
import { type AnyHandler, type CheckedRequest, performCall } from './pipeline/perform-call.ts';
import type { Principal } from './pipeline/principal.ts';
import { readCall, readIdempotencyKey, refuseLargeBody } from './pipeline/read-call.ts';
import { methodsOf, type Result } from './pipeline/write-answer.ts';
import { accessHandlers } from './routes/access.ts';
import { accountHandlers } from './routes/accounts.ts';
import { auditHandlers } from './routes/audit.ts';
import { catalogueHandlers } from './routes/catalogue.ts';
import { consumerHandlers } from './routes/consumers.ts';
import { deliveryHandlers } from './routes/deliveries.ts';
import { eventHandlers } from './routes/events.ts';
import { portalHandlers } from './routes/portal-sessions.ts';
import { providerHandlers } from './routes/provider.ts';
import { recordHandlers } from './routes/records.ts';
import { replayHandlers } from './routes/replays.ts';
import { statisticsHandlers } from './routes/statistics.ts';
import { subscriptionHandlers } from './routes/subscriptions.ts';
import { syncHandlers } from './routes/syncs.ts';
import { systemHandlers } from './routes/system.ts';
import { tenantHandlers } from './routes/tenants.ts';
import { traceHandlers } from './routes/traces.ts';

const ids = Object.keys(operations) as OperationId[];
const lineBreak = /[\n\r\u2028\u2029]/;

/** The API: one route per operation, each answered by the same pipeline. */
export function createApiHandler(runtime: ApiRuntime) {
  const warn = (what: string) => (error: unknown) => runtime.log.warn(what, error as Error);
  const context: PipelineContext = { ...runtime, warn, noteRefusal: createRefusalNotes(runtime.ports) };
  const handlers = operationHandlers(context) as unknown as Readonly<Record<OperationId, AnyHandler>>;
  const answer = async (id: OperationId, event: APIGatewayProxyEventV2) =>
    answerRequest(context, { id, shape: operations[id], event, headers: {} }, handlers[id]);
  const ofOperations = ids.map((id): Route<APIGatewayProxyEventV2, Result> => {
    const shape: OperationShape = operations[id];
    return {
      method: shape.method,
      path: shape.isOpenEnded === true ? shape.path.replace(/\{\w+\}$/, '{proxy+}') : shape.path,
      handler: (event: APIGatewayProxyEventV2) => answer(id, event),
    };
  });
  const routed = httpRouter<APIGatewayProxyEventV2, Result>({
    routes: [
      ...ofOperations,
      // For the browser of an owner, without a key: the state in its query names the account.
      {
        method: 'GET',
        path: '/connect/{integration}/callback',
        handler: async (event: APIGatewayProxyEventV2) => answerConnectCallback(runtime.ports, event),
      },
    ],
    notFoundResponse: ({ path }) => {
      throw noRoute(path);
    },
  });
  return (...args: Parameters<typeof routed>) => {
    const [{ rawPath, requestContext }] = args;
    // The router's wildcard does not match line breaks, which ids of providers may hold.
    const id = lineBreak.test(rawPath) ? openEndedOperation(requestContext.http.method, rawPath) : undefined;
    return id === undefined ? routed(...args) : answer(id, args[0]);
  };
}

function openEndedOperation(method: string, path: string): OperationId | undefined {
  return ids.find((id) => {
    const shape: OperationShape = operations[id];
    return shape.isOpenEnded === true && shape.method === method && pathPattern(shape).test(path);
  });
}

function operationHandlers({ ports, outcomes, warn }: PipelineContext): Handlers<OperationId> {
  const warnUncounted = warn('waiting calls could not be counted');
  return {
    ...accountHandlers(ports),
    ...subscriptionHandlers(ports, outcomes),
    ...deliveryHandlers(ports, outcomes),
    ...traceHandlers(ports),
    ...replayHandlers(ports),
    ...eventHandlers(ports, warnUncounted),
    ...consumerHandlers(ports, warnUncounted),
    ...catalogueHandlers(ports),
    ...accessHandlers(ports),
    ...portalHandlers(ports, warn('the end of a call could not be added to the audit log')),
    ...auditHandlers(ports),
    ...recordHandlers(ports),
    ...providerHandlers(ports),
    ...syncHandlers(ports),
    ...statisticsHandlers(ports),
    ...tenantHandlers(ports),
    ...systemHandlers(ports),
  };
}

/**
 * The pipeline. Every operation passes these steps in this order:
 *
 *   body size (413) -> caller (401) -> rate limit (429) -> scope (403) -> parameters, query and body (400, 404, 422)
 *   -> Idempotency-Key (409) -> audit log -> handler -> If-None-Match (304)
 */
async function answerRequest(context: PipelineContext, request: ApiRequest, handle: AnyHandler): Promise<Result> {
  const { id, shape, event, headers } = request;
  let key: string | undefined;
  let status = 500;
  try {
    refuseLargeBody(shape, event);
    const principal = await admitCall(context, request);
    key = principal.keyId;
    const result = await performCall(context, checkRequest(context, request, principal), handle);
    status = result.statusCode ?? 200;
    return { ...result, headers: { 'cache-control': 'no-store', ...headers, ...result.headers } };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    status = error.problem.status;
    throw new ProblemError({ ...error.problem, headers: { ...headers, ...error.problem.headers } });
  } finally {
    context.log.info('api answered', { operation: id, key, status });
  }
}

/** @throws {ProblemError} for parameters, a query, a body or an Idempotency-Key that the operation does not accept. */
function checkRequest({ ports }: PipelineContext, request: ApiRequest, principal: Principal): CheckedRequest {
  const { id, shape, event } = request;
  const text = maxBodyBytesOf(shape) === undefined ? '' : bodyText(event);
  const read = readCall(ports.clock, shape, event, text);
  const cursors = createCursors(ports.engineKey, { operation: id, principal, ...read });
  const repeatable = readIdempotencyKey(shape, event, principal, text);
  const raw = {
    method: shape.method,
    query: event.rawQueryString,
    headers: event.headers as Readonly<Record<string, string>>,
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
  };
  const call = { ...read, principal, cursors, source: sourceOf(event), raw } as CheckedRequest['call'];
  return { ...request, call, repeatable };
}

/** The 404 for a path without a route, or the 405 for another method of a route. */
function noRoute(path: string): ProblemError {
  const allowed = methodsOf(path);
  if (allowed.length === 0) return new ProblemError({ status: 404, detail: 'There is no such route.' });
  return new ProblemError({
    status: 405,
    detail: 'This route does not support this method.',
    headers: { allow: allowed.join(', ') },
  });
}
