import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallerOf, describeCall, type GatedCall, type GatedService } from './gated-call.ts';

/** The fate of a request. */
export type CallFault =
  /** The request has no effect, and its connection ends. */
  | { readonly kind: 'refused' }
  /** The request has its effect, and its connection ends without an answer. */
  | { readonly kind: 'answer-lost' }
  /** The request has no effect; the service answers that it throttles. */
  | { readonly kind: 'throttled' }
  /** The request has its effect; its caller is killed before the answer. */
  | { readonly kind: 'killed' }
  /** The request has its effect twice; the caller gets the second answer. */
  | { readonly kind: 'doubled' }
  | { readonly kind: 'delayed'; readonly delayMs: number };

/** Decides the fate of each request, in order of arrival. @returns undefined to let the request pass. */
export type JudgeCall = (call: GatedCall) => CallFault | undefined;

/** A server in front of an emulator; functions call it instead of the emulator. */
export interface CallGate {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface CallGateOptions {
  /** Origin of the emulator. */
  readonly target: string;
  readonly judge: JudgeCall;
  /** Requests of an unknown caller pass. */
  readonly callerOf: CallerOf;
  /** Kill a busy sandbox of the caller. */
  readonly kill: (caller: string) => void;
}

/**
 * Start a gate on a free port of 127.0.0.1. It forwards requests unchanged, so functions keep the AWS clients of the
 * deployed engine, with their retries and timeouts.
 */
export async function startCallGate({ target, judge, callerOf, kill }: CallGateOptions): Promise<CallGate> {
  const { hostname, port } = new URL(target);
  const gate: Gate = {
    hostname,
    port,
    agent: new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }),
    judge,
    callerOf,
    kill,
  };
  const server = createServer((request, response) => {
    // A caller that was killed or gave up reads no answer; its request may have had its effect.
    handle(gate, request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        gate.agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A started gate, and the emulator behind it. */
interface Gate extends Omit<CallGateOptions, 'target'> {
  readonly hostname: string;
  readonly port: string;
  readonly agent: Agent;
}

/** Answer one request as its fault says. */
async function handle(gate: Gate, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(request);
  const call = describeCall(request, body, gate.callerOf);
  const fault = call === undefined ? undefined : gate.judge(call);
  switch (fault?.kind) {
    case 'refused':
      request.socket.destroy();
      return;
    case 'throttled':
      return send(response, throttling((call as GatedCall).service));
    case 'delayed':
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      break;
    case 'doubled':
      await pass(gate, request, body);
      break;
    case undefined:
    case 'answer-lost':
    case 'killed':
      break;
  }
  const answer = await pass(gate, request, body);
  if (fault?.kind === 'killed') gate.kill((call as GatedCall).caller);
  if (fault?.kind === 'killed' || fault?.kind === 'answer-lost') request.socket.destroy();
  else send(response, answer);
}

/** Send a request to the emulator. */
function pass({ hostname, port, agent }: Gate, request: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { 'transfer-encoding': _, expect: __, connection: ___, ...headers } = request.headers;
    const passed = sendRequest(
      {
        hostname,
        port,
        agent,
        method: request.method,
        path: request.url,
        headers: { ...headers, 'content-length': body.length },
      },
      (response) => {
        readAll(response).then(
          (content) => resolve({ status: response.statusCode ?? 500, headers: response.headers, body: content }),
          reject,
        );
      },
    );
    passed.once('error', reject);
    passed.end(body);
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  response.writeHead(status, { ...kept, ...('content-length' in kept ? {} : { 'content-length': body.length }) });
  response.end(body);
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The throttling error of each service. */
function throttling(service: GatedService): Answer {
  if (service === 's3') {
    const body = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code></Error>');
    return { status: 503, headers: { 'content-type': 'application/xml' }, body };
  }
  if (service === 'sts') {
    const body = Buffer.from('<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>');
    return { status: 400, headers: { 'content-type': 'text/xml' }, body };
  }
  const [type, code] = {
    dynamodb: ['com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException', undefined],
    sqs: ['com.amazonaws.sqs#RequestThrottled', 'RequestThrottled;Sender'],
    eventbridge: ['ThrottlingException', undefined],
    kms: ['ThrottlingException', undefined],
    kinesis: ['ProvisionedThroughputExceededException', undefined],
  }[service];
  return {
    status: 400,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      ...(code === undefined ? {} : { 'x-amzn-query-error': code }),
    },
    body: Buffer.from(JSON.stringify({ __type: type, message: 'Rate exceeded' })),
  };
}
