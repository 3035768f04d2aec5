import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A real server on 127.0.0.1, for one test. */
export interface LoopbackEndpoint {
  readonly port: number;
  /** Received requests, in order, with their bodies. */
  readonly requests: readonly { readonly request: IncomingMessage; readonly body: string }[];
  /** Open connections. */
  readonly open: ReadonlySet<Socket>;
  /** Number of connections opened so far. */
  readonly opened: () => number;
  /** Most connections open at a time. */
  readonly mostOpen: () => number;
}

/** @param answer - Called once the whole body has arrived. */
export async function startLoopbackEndpoint(
  answer: (response: ServerResponse, body: string, request: IncomingMessage) => void,
  tls?: ServerOptions,
): Promise<LoopbackEndpoint> {
  const requests: { request: IncomingMessage; body: string }[] = [];
  const open = new Set<Socket>();
  let opened = 0;
  let mostOpen = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      requests.push({ request, body });
      answer(response, body, request);
    });
  };
  const server: Server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.keepAliveTimeout = 0;
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    opened += 1;
    mostOpen = Math.max(mostOpen, open.size);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    // The HTTP server does not close connections whose TLS handshake failed.
    for (const socket of open) socket.destroy();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    open,
    opened: () => opened,
    mostOpen: () => mostOpen,
  };
}
