import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the owner of an account came back from a consent. */
export interface Return {
  readonly status: 'connected' | 'failed';
}

export interface ReturnListener {
  /** Where the owner must come back. */
  readonly url: string;
  /** Resolves when the owner has come back. */
  readonly returned: Promise<Return>;
  close(): Promise<void>;
}

/** The page that the owner sees; it loads nothing. */
const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'",
  'cache-control': 'no-store',
  connection: 'close',
};

/**
 * Listen on loopback for the owner of an account, whom the engine leads back after a consent.
 *
 * @param wanted - A loopback URL with a port. @default a free port, and a path that no other page knows
 * @throws {Error} when the port is taken.
 */
export async function listenForReturn(wanted: URL | undefined): Promise<ReturnListener> {
  const path = wanted?.pathname ?? `/${randomBytes(12).toString('base64url')}`;
  let settle: (returned: Return) => void = () => undefined;
  const returned = new Promise<Return>((resolve) => {
    settle = resolve;
  });
  const server = createServer((request, response) => answer(request, response, path, settle));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted === undefined ? 0 : Number(wanted.port || 80), hostOf(wanted), resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: wanted?.href ?? `http://127.0.0.1:${port}${path}`,
    returned,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function hostOf(wanted: URL | undefined): string {
  return wanted === undefined ? '127.0.0.1' : wanted.hostname.replace(/^\[(.*)\]$/, '$1');
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  settle: (returned: Return) => void,
): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const status = url.searchParams.get('status');
  const isReturn = request.method === 'GET' && url.pathname === path && (status === 'connected' || status === 'failed');
  response.writeHead(isReturn ? 200 : 404, headers);
  response.end(pageOf(isReturn ? texts[status] : 'There is no such page.'), () => {
    if (isReturn) settle({ status });
  });
}

const texts = {
  connected: 'The account is connected. You can close this page.',
  failed: 'The connection was not made. You can close this page.',
} as const;

function pageOf(text: string): string {
  return `<!doctype html><html lang="en"><title>Tributary</title><p>${text}</p></html>\n`;
}
