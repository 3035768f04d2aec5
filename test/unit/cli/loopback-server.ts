import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | object;
}

export interface Loopback {
  readonly url: string;
  readonly received: readonly Received[];
  /** Accept no more connections, so later calls fail. */
  close(): Promise<void>;
}

/** HTTP servers for the tests of a file, on free ports of this machine; closed after each test. */
export function useLoopback() {
  const open: Server[] = [];
  const close = (server: Server) =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  afterEach(async () => {
    await Promise.all(open.splice(0).map(close));
  });
  /** @param answer - The reply, or undefined to close the connection without one. */
  return async (answer: (request: Received, number: number) => Reply | undefined): Promise<Loopback> => {
    const received: Received[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const one: Received = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        };
        received.push(one);
        const reply = answer(one, received.length);
        if (reply === undefined) {
          request.socket.destroy();
          return;
        }
        const { status = 200, headers = {}, body = '' } = reply;
        response.writeHead(status, headers);
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, received, close: () => close(server) };
  };
}
