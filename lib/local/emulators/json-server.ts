import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessGuard } from '../iam/access-guard.ts';
import type { RequiredCalls } from '../iam/required-calls.ts';

export interface JsonRequest {
  readonly method: string;
  /** Header `X-Amz-Target`: `TrentService.Decrypt`. */
  readonly target: string;
  /** Undefined when the body is not JSON. */
  readonly body: unknown;
  readonly sizeBytes: number;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}

export interface JsonServerOptions {
  readonly guard: AccessGuard;
  /** The permissions that a request needs. */
  readonly required: (request: JsonRequest) => RequiredCalls;
  /** Carries out a request that has its permissions. */
  readonly carryOut: (request: JsonRequest) => JsonAnswer;
}

export interface JsonServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** An error in the format of AWS JSON 1.1. @param type - The name that the SDK gives the error. */
export function refuse(type: string, message: string): JsonAnswer {
  return { status: 400, body: { __type: type, message } };
}

/**
 * Serve AWS JSON 1.1 on a free port of 127.0.0.1, in this process: for emulators whose load is low.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
export async function startJsonServer(options: JsonServerOptions): Promise<JsonServer> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      (answered) => send(response, answered),
      () => response.destroy(),
    );
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
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  incoming: IncomingMessage,
  { guard, required, carryOut }: JsonServerOptions,
): Promise<JsonAnswer> {
  const { method = '', url = '/', headers } = incoming;
  const target = String(headers['x-amz-target'] ?? '');
  const text = await readText(incoming);
  const request = { method, target, body: parseJson(text), sizeBytes: Buffer.byteLength(text) };
  const signed = { authorization: headers.authorization, url };
  if (guard.restricts(signed)) {
    const refusal = guard.refuse(signed, () => required(request));
    if (refusal?.kind === 'access-denied') return refuse('AccessDeniedException', refusal.message);
    if (refusal !== undefined) return refuse('UnrecognizedClientException', refusal.message);
  }
  return carryOut(request);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body }: JsonAnswer): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

/** @returns Undefined for a text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
