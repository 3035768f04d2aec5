import { createHash } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type Dispatcher, Pool } from 'undici';
import { limits } from '../../contracts/limits.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { createEgressPolicy } from './egress-policy.ts';

const defaultMaxPools = 50;
/** Connections of all pools together; Lambda allows a function 1,024 open files. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const maxConnections = 700;
/**
 * How long an idle connection is kept. Receivers and their proxies close idle connections after 5 s or more.
 * @see https://nodejs.org/api/http.html#serverkeepalivetimeout
 */
const keepAliveMs = 4_000;

/** Connections to endpoints, bounded in number. */
export interface EndpointPools {
  /**
   * The pool of an origin and client certificate: a connection of one certificate is never used for another.
   *
   * @throws {Error} when the certificate cannot be used.
   */
  take(origin: string, certificate: ClientCertificate | undefined): Dispatcher;
  /** Number of open pools. */
  readonly size: () => number;
}

/**
 * Keep-alive pools by endpoint, least recently used first. A pool beyond the bounds, or unused for longer than its
 * connections live, is closed once its calls have ended. After Lambda froze the function, the connections of an unused
 * pool may be dead without a notice.
 */
export function createEndpointPools(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
  maxPools = defaultMaxPools,
): EndpointPools {
  const pools = new Map<string, { readonly pool: Pool; readonly takenMs: number }>();

  function connections(): number {
    return pools.values().reduce((sum, { pool }) => sum + pool.stats.connected, 0);
  }

  function release(key: string): void {
    const found = pools.get(key);
    pools.delete(key);
    // Closing waits for the running calls, whose callers see their own errors.
    found?.pool.close().catch(() => undefined);
  }

  function open(origin: string, certificate: ClientCertificate | undefined): Pool {
    return new Pool(origin, {
      // A lease allows as many posts: a post that waited here for a connection would lose time.
      connections: limits.maxEndpointConcurrency,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      // With HTTP/2, many calls would share a connection, and one bad call could break them all.
      allowH2: false,
      connect: {
        timeout: limits.callbackConnectTimeoutMs,
        lookup: policy.lookupFor(origin) as never,
        ...(certificate === undefined
          ? {}
          : { secureContext: createSecureContext({ cert: certificate.certificate, key: certificate.private_key }) }),
      },
    });
  }

  return {
    take(origin, certificate) {
      const nowMs = clock.nowMs();
      for (const [key, { takenMs }] of pools) {
        if (nowMs - takenMs < keepAliveMs) break;
        release(key);
      }
      const key = `${origin} ${certificate === undefined ? '' : digestOf(certificate)}`;
      const pool = pools.get(key)?.pool ?? open(origin, certificate);
      pools.delete(key);
      pools.set(key, { pool, takenMs: nowMs });
      for (const oldest of pools.keys()) {
        if (oldest === key || (pools.size <= maxPools && connections() <= maxConnections)) break;
        release(oldest);
      }
      return pool;
    },
    size: () => pools.size,
  };
}

function digestOf({ certificate, private_key }: ClientCertificate): string {
  return createHash('sha256')
    .update(JSON.stringify([certificate, private_key]))
    .digest('hex');
}
