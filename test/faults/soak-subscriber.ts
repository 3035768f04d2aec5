import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { CallFault } from '../../lib/local/faults/call-gate.ts';

/** An event as a callback carries it. */
export type CalledBack = Readonly<Record<string, unknown>>;

/** A subscriber that verifies and gives on each callback, and that chaos makes fail and wait. */
export interface SoakSubscriber {
  readonly url: string;
  /** Callbacks that do not verify. */
  readonly wrong: readonly string[];
  /** Verify with this secret from now on. */
  trust(secret: string): void;
  /** The engine's clock is advanced from now on. */
  expectOtherTimes(): void;
  stop(): void;
}

export async function startSoakSubscriber(
  strike: () => CallFault | undefined,
  onEvent: (event: CalledBack) => void,
): Promise<SoakSubscriber> {
  const wrong: string[] = [];
  let webhook: Webhook | undefined;
  let hasOtherTimes = false;

  /** @throws {Error} when the signature does not verify. */
  function signed(body: string, headers: Readonly<Record<string, string>>): CalledBack {
    if (webhook === undefined) throw new Error('the subscription does not exist yet');
    if (!hasOtherTimes) return webhook.verify(body, headers) as CalledBack;
    // The library compares the time with this process's clock.
    const { 'webhook-id': id = '', 'webhook-timestamp': seconds, 'webhook-signature': signatures = '' } = headers;
    if (!signatures.split(' ').includes(webhook.sign(id, new Date(Number(seconds) * 1000), body)))
      throw new Error('the signature does not match');
    return JSON.parse(body) as CalledBack;
  }

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const fault = strike();
    if (fault?.kind === 'delayed') await pause(fault.delayMs);
    if (fault?.kind === 'refused') return void response.writeHead(500).end();
    if (fault?.kind === 'throttled') return void response.writeHead(429, { 'retry-after': '1' }).end();
    try {
      onEvent(signed(body, request.headers as Record<string, string>));
    } catch (error) {
      wrong.push(`not verified: ${String(error)}`);
    }
    if (fault?.kind === 'answer-lost') return void response.destroy();
    response.writeHead(204).end();
  }

  const server = createServer((request, response) => void take(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    wrong,
    trust(secret) {
      webhook = new Webhook(secret);
    },
    expectOtherTimes() {
      hasOtherTimes = true;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
