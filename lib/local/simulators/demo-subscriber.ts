import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { CallFault } from '../faults/call-gate.ts';

/** One callback as the subscriber received it. */
export interface ReceivedCallback {
  readonly id: string;
  /** Whether a Standard Webhooks library accepts its signature with the subscriber's secret. */
  readonly verified: boolean;
  readonly body: string;
}

/** A subscriber as a team would write it: it verifies with a library and answers 204. */
export interface DemoSubscriber {
  readonly url: string;
  /** Set the secret, which the answer to the subscription's creation contains. */
  trust(secret: string): void;
  onCallback(listener: (callback: ReceivedCallback) => void): void;
  /** Apply faults to later posts. */
  disturb(strike: () => CallFault | undefined): void;
  stop(): Promise<void>;
}

/** Listens on a free port of this machine. */
export async function startDemoSubscriber(): Promise<DemoSubscriber> {
  let webhook: Webhook | undefined;
  const listeners: ((callback: ReceivedCallback) => void)[] = [];
  let strike = (): CallFault | undefined => undefined;
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readText(request);
    const fault = strike();
    if (fault?.kind === 'refused') return void response.destroy();
    if (fault?.kind === 'throttled') return void response.writeHead(429, { 'retry-after': '1' }).end();
    if (fault?.kind === 'delayed') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const verified = verifies(webhook, body, request);
    if (fault?.kind === 'answer-lost') response.destroy();
    else response.writeHead(verified ? 204 : 401).end();
    for (const listener of listeners) listener({ id: String(request.headers['webhook-id'] ?? ''), verified, body });
  };
  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callbacks`,
    trust: (secret) => {
      webhook = new Webhook(secret);
    },
    onCallback: (listener) => void listeners.push(listener),
    disturb(next) {
      strike = next;
    },
    stop: () => closeServer(server),
  };
}

function verifies(webhook: Webhook | undefined, body: string, request: IncomingMessage): boolean {
  try {
    webhook?.verify(body, request.headers as Record<string, string>);
    return webhook !== undefined;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
