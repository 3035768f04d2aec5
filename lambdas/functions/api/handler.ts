import type { Logger } from '@aws-lambda-powertools/logger';
import httpRouter, { type Route } from '@middy/http-router';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { ProblemError } from '../answer-problems.ts';
import type { ApiAnswer, ApiRoute, PublicCall } from './api-call.ts';
import type { ApiOutcomes, ApiPorts } from './api-ports.ts';
import { authenticate, notFound } from './principal.ts';
import { accountRoutes } from './routes/accounts.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { eventRoutes } from './routes/events.ts';
import { integrationRoutes } from './routes/integrations.ts';
import { replayRoutes } from './routes/replays.ts';
import { schemaRoutes } from './routes/schemas.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';

export interface ApiRuntime {
  readonly ports: ApiPorts;
  readonly log: Logger;
  readonly outcomes: ApiOutcomes;
}

/** The admin API and the pull feed. Every route asks for a key first, but `/healthz` and those that are public. */
export function createApiHandler({ ports, log, outcomes }: ApiRuntime) {
  const routes = [
    ...accountRoutes(ports),
    ...subscriptionRoutes(ports, outcomes),
    ...deliveryRoutes(ports, outcomes),
    ...replayRoutes(ports),
    ...eventRoutes(ports),
    ...integrationRoutes(ports),
    ...schemaRoutes(ports),
  ];
  const methodsOf = (path: string) =>
    [{ method: 'GET', path: '/healthz' }, ...routes]
      .filter((route) => new RegExp(`^${route.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path))
      .map(({ method }) => method);
  const answer = async (route: ApiRoute, event: APIGatewayProxyEventV2) => {
    const principal = route.isPublic ? undefined : await authenticate(ports.keys, event.headers['authorization']);
    // `proxy` is the gateway's own name for the path below /v1.
    const { proxy: _, ...params } = (event.pathParameters ?? {}) as Record<string, string>;
    // What no id can look like is not asked for: a store has its own limits for keys.
    if (Object.values(params).some((id) => !/^[\w-]{1,256}$/.test(id))) throw notFound('resource');
    const query = Object.fromEntries(new URLSearchParams(event.rawQueryString));
    const call: PublicCall = { params, query, event };
    const { status, body } =
      principal === undefined || route.isPublic
        ? await (route.handle as (call: PublicCall) => Promise<ApiAnswer>)(call)
        : await route.handle({ ...call, principal });
    log.info('api answered', { route: `${route.method} ${route.path}`, key: principal?.keyId, status });
    return json(status, body);
  };
  return httpRouter<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>({
    routes: [
      { method: 'GET', path: '/healthz', handler: async () => json(200, { status: 'ok' }) },
      ...routes.map(
        (route): Route<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> => ({
          method: route.method,
          path: route.path as `/${string}`,
          handler: async (event: APIGatewayProxyEventV2) => answer(route, event),
        }),
      ),
    ],
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

function json(statusCode: number, body: unknown): APIGatewayProxyStructuredResultV2 {
  if (body === undefined) return { statusCode, headers: { 'cache-control': 'no-store' } };
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}
