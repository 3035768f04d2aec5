import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ProviderAnswer, textOfAnswer } from './answers/provider-answer.ts';
import { readProviderRequest } from './requests/provider-request.ts';
import { type ServingProvider, serveRequest } from './serve-request.ts';

export interface LoopbackServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serve a provider on this machine alone. @param port - 0 for a free one. */
export async function listenOnLoopback(provider: ServingProvider, port: number): Promise<LoopbackServer> {
  const server = createServer((incoming, response) => {
    respond(provider, incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(provider: ServingProvider, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const end = provider.counts.begin();
  const served = readProviderRequest(incoming).then((request) => serveRequest(provider, request));
  const { name, answer } = await served.catch((error: unknown) => {
    end('unknown', undefined);
    throw error;
  });
  end(name, typeof answer === 'object' ? answer.status : undefined);
  if (answer === 'dropped') incoming.socket.destroy();
  // Without an answer, the caller waits until its own time is over.
  else if (answer !== undefined) send(response, answer);
}

function send(response: ServerResponse, answer: ProviderAnswer): void {
  const body = Buffer.from(textOfAnswer(answer));
  const { 'content-length': _, 'transfer-encoding': __, 'content-encoding': ___, ...headers } = answer.headers;
  const isBare = answer.status === 204 || answer.status === 304;
  response.writeHead(answer.status, { ...headers, ...(isBare ? {} : { 'content-length': body.byteLength }) });
  response.end(isBare ? undefined : body);
}
