import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { localAccountId } from '../template/resource-type.ts';
import { decodePath } from './http-routes.ts';
import { newRoot } from './lineage.ts';

/** A request that was read completely. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, unchanged. */
  readonly target: string;
  readonly httpVersion: string;
  /** Alternating names and values, unchanged. */
  readonly rawHeaders: readonly string[];
  readonly sourceIp: string;
  readonly body: Buffer;
}

export interface RequestRouting {
  readonly routeKey: string;
  readonly pathParameters: Readonly<Record<string, string>> | undefined;
  readonly apiId: string;
  readonly port: number;
  readonly nowMs: number;
}

/** Headers of a connection, not of a request. */
const hopByHopHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Media types that arrive as text. Everything else arrives as base64, including form data and a missing Content-Type,
 * as observed of API Gateway.
 *
 * @see https://github.com/ministackorg/ministack/pull/766
 */
const textTypes = /^(text\/[^;]*|application\/(json|xml|javascript))\s*(;|$)/i;

/**
 * Build the event that an HTTP API passes to a Lambda function, payload format 2.0.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function toProxyEvent(request: ReceivedRequest, routing: RequestRouting): APIGatewayProxyEventV2 {
  const { path, query } = splitTarget(request.target);
  const { headers, cookies } = readHeaders(request, routing.port);
  const host = headers['host'] ?? `localhost:${routing.port}`;
  const rawPath = decodePath(path);
  const queryStringParameters = readQuery(query);
  return {
    version: '2.0',
    routeKey: routing.routeKey,
    rawPath,
    rawQueryString: query,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers,
    ...(queryStringParameters === undefined ? {} : { queryStringParameters }),
    requestContext: {
      accountId: localAccountId,
      apiId: routing.apiId,
      domainName: host,
      domainPrefix: host.split(/[.:]/)[0] ?? host,
      http: {
        method: request.method,
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: routing.routeKey,
      stage: '$default',
      time: commonLogTime(routing.nowMs),
      timeEpoch: routing.nowMs,
    },
    ...(routing.pathParameters === undefined ? {} : { pathParameters: { ...routing.pathParameters } }),
    ...readBody(request.body, headers['content-type']),
  };
}

/** Path and query of a request target, which may also be a whole URL. */
export function splitTarget(target: string): { path: string; query: string } {
  const local = /^https?:\/\/[^/?]*/i.test(target) ? target.replace(/^https?:\/\/[^/?]*/i, '') : target;
  const at = local.indexOf('?');
  const path = at === -1 ? local : local.slice(0, at);
  return { path: path === '' ? '/' : path, query: at === -1 ? '' : local.slice(at + 1) };
}

function readHeaders({ rawHeaders, sourceIp }: ReceivedRequest, port: number) {
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    if (hopByHopHeaders.has(name)) continue;
    if (name === 'cookie') cookies.push(...value.split(/;\s*/).filter((cookie) => cookie !== ''));
    else headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value;
  }
  const forwardedFor = headers['x-forwarded-for'];
  headers['x-forwarded-for'] = forwardedFor === undefined ? sourceIp : `${forwardedFor}, ${sourceIp}`;
  headers['x-forwarded-port'] = String(port);
  headers['x-forwarded-proto'] = 'http';
  headers['x-amzn-trace-id'] ??= `Root=${newRoot(Date.now())}`;
  return { headers, cookies };
}

/** Decoded values by name; several values of one name are joined with commas. */
function readQuery(query: string): Record<string, string> | undefined {
  if (query === '') return undefined;
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    values[name] = Object.hasOwn(values, name) ? `${values[name]},${value}` : value;
  }
  return values;
}

function readBody(body: Buffer, contentType: string | undefined): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  if (contentType !== undefined && textTypes.test(contentType)) {
    const text = body.toString('utf8');
    // Text would corrupt a body that is not UTF-8.
    if (!text.includes('\uFFFD') || Buffer.from(text).equals(body)) return { body: text, isBase64Encoded: false };
  }
  return { body: body.toString('base64'), isBase64Encoded: true };
}

/** `12/Mar/2020:19:03:58 +0000` */
function commonLogTime(ms: number): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(ms).toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
