import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { LocalEngineError } from '../errors.ts';
import type { FunctionPool } from '../sandbox/function-pool.ts';
import type { EngineClock } from '../time/clock.ts';
import { splitTarget, toProxyEvent } from './http-payload.ts';
import { type GatewayResponse, toGatewayResponse, toProblem } from './http-response.ts';
import type { Router } from './http-routes.ts';

/** The HTTP API's server. It listens before the functions start, because their environment names its address. */
export interface HttpSource {
  readonly port: number;
  /** Route requests to functions; until then, the server answers 503. */
  serve(api: ServedApi): void;
  /** Resolves when every connection is closed. */
  stop(): Promise<void>;
}

export interface ServedApi {
  readonly apiId: string;
  readonly router: Router<{ readonly pool: FunctionPool; readonly timeoutMs: number }>;
  readonly clock: EngineClock;
  /** Whether Lambda would refuse another invocation of the function. */
  readonly isThrottled: (pool: FunctionPool) => boolean;
  readonly onAnswer: (status: number, latencyMs: number) => void;
}

/** Requests of one function that may wait for a sandbox; the server rejects more, like a throttled API. */
const maxWaiting = 1_000;
/** Lambda's largest event. */
const maxEventBytes = 6 * 1024 * 1024;
/** Bytes that the server still reads of a rejected body, so that its sender can read the answer. */
const maxDiscardedBytes = 64 * 1024 * 1024;
/** Attempts to find a port that is free in both IPv4 and IPv6. */
const portAttempts = 5;

/**
 * Listen on the loopback addresses of this machine.
 *
 * @param port - 0 chooses a free one.
 * @throws {LocalEngineError} port-in-use
 */
export async function listenHttp(port: number): Promise<HttpSource> {
  let api: ServedApi | undefined;
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const startedMs = performance.now();
    answer(request, api)
      .then((reply) => {
        if (reply === undefined) return;
        api?.onAnswer(reply.statusCode, performance.now() - startedMs);
        send(response, reply);
      })
      .catch(() => response.destroy());
  };
  for (let attempt = 1; ; attempt++) {
    const ipv4 = createGateway(onRequest);
    const ipv6 = createGateway(onRequest);
    const servers = [ipv4];
    try {
      await listen(ipv4, port, '127.0.0.1');
      const taken = (ipv4.address() as AddressInfo).port;
      if (await listensOnIpv6(ipv6, taken)) servers.push(ipv6);
      return {
        port: taken,
        serve: (served) => {
          api = served;
        },
        stop: async () => void (await Promise.all(servers.map(close))),
      };
    } catch (error) {
      await Promise.all(servers.map(close));
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (port === 0 && attempt < portAttempts) continue;
      const message = `Port ${port} is in use by another process; end it, or set PORT to another one.`;
      throw new LocalEngineError('port-in-use', message, { cause: error });
    }
  }
}

function createGateway(onRequest: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 60_000 }, onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const problem = tooLarge
      ? toProblem(
          431,
          'Request Header Fields Too Large',
          'The headers are larger than 16 KiB together; send fewer or shorter ones.',
        )
      : toProblem(400, 'Bad Request', 'This is not an HTTP request.');
    const head = `HTTP/1.1 ${problem.statusCode} ${tooLarge ? 'Request Header Fields Too Large' : 'Bad Request'}`;
    socket.end(
      `${head}\r\ncontent-type: application/problem+json\r\ncontent-length: ${problem.body.length}\r\nconnection: close\r\n\r\n${problem.body.toString()}`,
    );
  });
  return server;
}

/** @returns undefined when the caller has disconnected. */
async function answer(request: IncomingMessage, api: ServedApi | undefined): Promise<GatewayResponse | undefined> {
  const read = await readBody(request);
  if (read.kind === 'cut-off') return undefined;
  if (read.kind === 'too-large') return bodyTooLarge;
  if (api === undefined) return unavailable('The engine is still starting; try again in a moment.');

  const method = request.method ?? 'GET';
  const target = request.url ?? '/';
  const route = api.router.match(method, splitTarget(target).path);
  if (route === undefined)
    return toProblem(404, 'Not Found', `There is no route ${method} ${splitTarget(target).path}.`);
  const { pool, timeoutMs } = route.target;
  if (api.isThrottled(pool)) return unavailable('The function has no concurrency left; try again later.');
  if (pool.waiting() >= maxWaiting) return unavailable('Too many requests are waiting; try again later.');

  const event = toProxyEvent(
    {
      method,
      target,
      httpVersion: request.httpVersion,
      rawHeaders: request.rawHeaders,
      sourceIp: sourceIp(request.socket),
      body: read.body,
    },
    {
      routeKey: route.routeKey,
      pathParameters: route.pathParameters,
      apiId: api.apiId,
      port: request.socket.localPort ?? 0,
      nowMs: api.clock.now(),
    },
  );
  // Bodies below an eighth of Lambda's limit cannot exceed it, however much JSON escapes them.
  if (read.body.length > maxEventBytes / 8 && Buffer.byteLength(JSON.stringify(event)) > maxEventBytes) {
    return eventTooLarge;
  }
  return invoke(pool, event, timeoutMs);
}

async function invoke(pool: FunctionPool, event: unknown, timeoutMs: number): Promise<GatewayResponse> {
  const { promise: expired, resolve: expire } = Promise.withResolvers<'expired'>();
  const timer = setTimeout(() => expire('expired'), timeoutMs);
  const outcome = await Promise.race([pool.invoke(event), expired]);
  clearTimeout(timer);
  if (outcome === 'expired') return unavailable('The function did not answer in time; try again later.');
  if (outcome.kind === 'failed') {
    return outcome.reason === 'stopped' ? unavailable('The engine is stopping.') : internalError;
  }
  return toGatewayResponse(outcome.payload) ?? internalError;
}

const internalError = toProblem(500, 'Internal Server Error', 'The request could not be processed. Try again later.');
const bodyTooLarge = toProblem(
  413,
  'Content Too Large',
  `The body is larger than ${limits.gatewayMaxBodyBytes} bytes, the maximum of API Gateway.`,
);
const eventTooLarge = toProblem(
  413,
  'Content Too Large',
  `The request is larger than ${maxEventBytes} bytes as a Lambda event, the maximum of a function.`,
);
const unavailable = (detail: string) => toProblem(503, 'Service Unavailable', detail);

type BodyRead = { kind: 'whole'; body: Buffer } | { kind: 'too-large' } | { kind: 'cut-off' };

function readBody(request: IncomingMessage): Promise<BodyRead> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const declaredTooLarge = Number(request.headers['content-length'] ?? 0) > limits.gatewayMaxBodyBytes;
    if (declaredTooLarge) resolve({ kind: 'too-large' });
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (declaredTooLarge || sizeBytes > limits.gatewayMaxBodyBytes) {
        chunks.length = 0;
        resolve({ kind: 'too-large' });
        if (sizeBytes > maxDiscardedBytes) request.destroy();
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve({ kind: 'whole', body: Buffer.concat(chunks) }));
    request.on('error', () => resolve({ kind: 'cut-off' }));
    request.on('close', () => resolve({ kind: 'cut-off' }));
  });
}

function send(response: ServerResponse, reply: GatewayResponse): void {
  let { statusCode, headers, body } = reply;
  try {
    for (const [name, value] of headers) response.setHeader(name, value);
  } catch {
    // The function returned a header that HTTP cannot carry, so the answer is an internal error.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    ({ statusCode, headers, body } = internalError);
    for (const [name, value] of headers) response.setHeader(name, value);
  }
  response.statusCode = statusCode;
  if (statusCode === 413) response.setHeader('connection', 'close');
  if (statusCode !== 204 && statusCode !== 304) response.setHeader('content-length', body.length);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function sourceIp({ remoteAddress = '127.0.0.1' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/, '');
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, exclusive: true, backlog: 1_024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** @returns false if the machine has no IPv6. */
async function listensOnIpv6(server: Server, port: number): Promise<boolean> {
  try {
    await listen(server, port, '::1');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
    return false;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
