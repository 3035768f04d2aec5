import { createHash, createHmac, createSecretKey, type Hash, type Hmac } from 'node:crypto';

/**
 * SHA-256 and HMAC-SHA-256 for the SDK's signer. The SDK's own implementation passes each key to Node as bytes, which
 * makes an HMAC six times slower than with a `KeyObject`; signing a request takes two.
 */
export class SigningSha256 {
  private readonly secret: string | ArrayBuffer | ArrayBufferView | undefined;
  private hash: Hash | Hmac;

  /** @param secret - With a secret, an HMAC; without, a plain hash. */
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.secret = secret;
    this.hash = begin(secret);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(typeof data === 'string' ? data : bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    this.hash = begin(this.secret);
  }
}

function begin(secret: string | ArrayBuffer | ArrayBufferView | undefined): Hash | Hmac {
  if (secret === undefined) return createHash('sha256');
  return createHmac('sha256', typeof secret === 'string' ? secret : createSecretKey(bytesOf(secret)));
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/**
 * Timeouts and retries of every AWS client. A call that hangs must end well before its function's timeout, so that the
 * function can still report the failure.
 */
export const clientSettings = {
  maxAttempts: 3,
  // Build the middleware stack once for each command type, not for each call.
  cacheMiddleware: true,
  sha256: SigningSha256,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
};

/** Name of the engine's calls in CloudTrail. */
const userAgent = 'tributary';

interface MiddlewareStack {
  remove(name: string): boolean;
  add(middleware: Middleware, options: { readonly step: 'build'; readonly name: string }): void;
}
type Middleware = (next: Handler) => Handler;
type Handler = (args: { readonly request?: unknown }) => Promise<never>;

/**
 * Remove middleware that the engine does not need. Without a logger, the SDK still copies each call's input and output
 * to redact sensitive fields; and it builds the user agent for each call, which is constant here. Together these two
 * make up a tenth of the cost of a call.
 */
export function lean<Client extends { readonly middlewareStack: unknown }>(client: Client): Client {
  // The client's own type depends on the inputs and outputs of its commands, which do not matter here.
  const stack = client.middlewareStack as MiddlewareStack;
  stack.remove('loggerMiddleware');
  stack.remove('getUserAgentMiddleware');
  stack.add(
    (next) => (args) => {
      (args.request as { readonly headers: Record<string, string> }).headers['user-agent'] = userAgent;
      return next(args);
    },
    { step: 'build', name: 'nameClient' },
  );
  return client;
}
